//! The terminal: set up, drawn on, suspended, and given back as it was, whatever happens.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    SetTitle, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use crate::settings::Mouse;
use crate::store::state::State;
use crate::views;

/// Whether the terminal is in the console's hands; what restores it runs once.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// What the event loop does with a screen; a test has its own.
pub(crate) trait Screen {
    /// Draws the state.
    fn draw(&mut self, state: &State) -> io::Result<()>;
    /// Forgets what is on the screen, so that all of it is drawn anew.
    fn forget(&mut self) -> io::Result<()>;
    /// Listens to the mouse or leaves it alone.
    fn mouse(&mut self, mouse: Mouse) -> io::Result<()>;
    /// Puts a text on the clipboard.
    fn copy(&mut self, text: &str) -> io::Result<()>;
    /// Gives the terminal back, stops the process, and takes the terminal again once it goes on.
    fn suspend(&mut self, mouse: Mouse) -> io::Result<()>;
}

/// The real terminal.
pub(crate) struct Tty {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
}

impl Tty {
    /// Whether there is a terminal at both ends.
    pub(crate) fn is_there() -> bool {
        io::stdin().is_terminal() && io::stdout().is_terminal()
    }

    /// Takes the terminal.
    pub(crate) fn take(mouse: Mouse) -> io::Result<Self> {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // The message is of use only where it can be read.
            let _ = give_back();
            before(panic);
        }));
        let backend = CrosstermBackend::new(BufWriter::with_capacity(1 << 16, io::stdout()));
        take_hold(mouse)?;
        Ok(Self {
            terminal: Terminal::new(backend)?,
        })
    }

    /// Columns and lines.
    pub(crate) fn size(&self) -> io::Result<(u16, u16)> {
        let size = self.terminal.size()?;
        Ok((size.width, size.height))
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        // There is nobody left to tell.
        let _ = give_back();
    }
}

impl Screen for Tty {
    fn draw(&mut self, state: &State) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(|frame| views::draw(state, frame))?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)
    }

    fn forget(&mut self) -> io::Result<()> {
        // `Terminal::clear` would ask the terminal for its cursor and wait: long over a slow line,
        // and in vain where a terminal gives no answer.
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    fn mouse(&mut self, mouse: Mouse) -> io::Result<()> {
        listen(mouse)
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        // OSC 52: the terminal itself has the clipboard, also at the far end of SSH.
        execute!(
            self.terminal.backend_mut(),
            CopyToClipboard::to_clipboard_from(text)
        )
    }

    fn suspend(&mut self, mouse: Mouse) -> io::Result<()> {
        give_back()?;
        nix::sys::signal::raise(nix::sys::signal::Signal::SIGTSTP)?;
        take_hold(mouse)?;
        self.forget()
    }
}

fn take_hold(mouse: Mouse) -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    execute!(
        io::stdout(),
        EnterAlternateScreen,
        EnableBracketedPaste,
        SetTitle("Airside")
    )?;
    listen(mouse)
}

fn listen(mouse: Mouse) -> io::Result<()> {
    match mouse {
        Mouse::On => execute!(io::stdout(), EnableMouseCapture),
        Mouse::Off => execute!(io::stdout(), DisableMouseCapture),
    }
}

fn give_back() -> io::Result<()> {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return Ok(());
    }
    let shown = execute!(
        io::stdout(),
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        cursor::Show
    );
    disable_raw_mode()?;
    io::stdout().flush()?;
    shown
}
