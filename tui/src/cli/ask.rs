//! What is asked before something is done that cannot be undone.

use std::io::{self, BufRead, IsTerminal, Write};

use super::CliError;

/// Shows what is meant and asks; an error where the answer is not yes, or nobody is there.
pub(super) fn ask(shown: &str, question: &str) -> Result<(), CliError> {
    if !io::stdin().is_terminal() {
        return Err(CliError::Usage(
            "nobody is there to be asked: say --yes".to_owned(),
        ));
    }
    write!(io::stderr(), "{shown}{question} [y/N] ")?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    if matches!(line.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err(CliError::Usage("nothing was done".to_owned()))
    }
}
