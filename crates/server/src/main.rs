//! The binary `mainstay`.

use std::process::ExitCode;

/// Where code allocates, it is a fifth faster than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    server::cli::main()
}
