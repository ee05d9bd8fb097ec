//! The async driver of the client machine.
