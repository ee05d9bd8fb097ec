fn main() -> std::process::ExitCode {
    smtputils::cli::main_send()
}
