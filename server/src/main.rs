//! `airside-server`: the subcommands.

use std::process::ExitCode;

use airside_server::commands;
use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .is_err()
    {
        eprintln!("airside-server: the TLS provider was set before the start");
        return ExitCode::FAILURE;
    }
    let arguments = commands::Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("airside-server: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(commands::execute(arguments)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("airside-server: {error}");
            ExitCode::FAILURE
        }
    }
}
