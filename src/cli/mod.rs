//! The command lines: parse, plan, run, exit.
