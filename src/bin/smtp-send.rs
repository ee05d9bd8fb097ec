//! `smtp-send`, `sendmail`, `mailq`, `newaliases`.

#![cfg_attr(all(target_env = "gnu", not(test)), no_main)]

#[cfg(all(target_env = "gnu", not(test)))]
smtputils::c_main!(smtputils::cli::main_send);

#[cfg(not(all(target_env = "gnu", not(test))))]
fn main() -> std::process::ExitCode {
    smtputils::cli::main_send().into()
}
