use smtputils::cli;

fn main() -> std::process::ExitCode {
    cli::run("smtp-serve", cli::Inherited::Keep, cli::serve::run)
}
