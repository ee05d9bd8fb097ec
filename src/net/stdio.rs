//! The blocking driver of the server machine, for descriptors 0 and 1 and for
//! tests. Names no runtime.
