//! Keys: first a command of the keymap, else what is typed.

use crossterm::event::{KeyEvent, KeyEventKind};

use super::{Flow, Step};
use crate::keymap::{Command, Entry};
use crate::store::effect::Effect;
use crate::store::form::{Edit, Value};
use crate::store::layer::Layer;
use crate::store::list::ListCursor;
use crate::store::screen::bookings::Bookings;
use crate::store::screen::dead_letters::DeadLetters;
use crate::store::screen::flights::Flights;
use crate::store::screen::login::Phase;
use crate::store::screen::queues::Queues;
use crate::store::screen::reading::Reading;
use crate::store::screen::search::Search;
use crate::store::screen::sources::Sources;
use crate::store::screen::uploads::Uploads;
use crate::store::state::{State, Tone};

impl Step<'_> {
    pub(super) fn key(&mut self, key: KeyEvent) {
        if key.kind == KeyEventKind::Release {
            return;
        }
        self.state.notice = false;
        self.state.live.news.clear();
        let contexts = self.state.contexts();
        let command = self
            .state
            .keymap
            .command(key, &contexts, self.state.entry());
        match command {
            Some(command) => self.command(command),
            None => self.typed(|form| form.key(key)),
        }
    }

    pub(super) fn paste(&mut self, text: &str) {
        self.state.notice = false;
        self.typed(|form| form.type_text(text));
    }

    fn typed(&mut self, edit: impl FnOnce(&mut crate::store::form::Form) -> Edit) {
        let Some(form) = self.state.layers.last_mut().and_then(Layer::form_mut) else {
            return;
        };
        if edit(form) == Edit::Changed {
            self.after_edit();
        }
    }

    /// An airport's field looks for what fits; a filter narrows at once.
    pub(super) fn after_edit(&mut self) {
        let state = &mut *self.state;
        let Some(layer) = state.layers.last_mut() else {
            return;
        };
        let query = layer
            .form_mut()
            .and_then(|form| form.complete(&state.airports));
        if let Some(query) = query
            && state.airports.should_ask(&query)
        {
            self.effects.push(Effect::Airports { query });
        }
        self.filter_typed();
    }

    pub(super) fn command(&mut self, command: Command) {
        if self.anywhere(command) {
            return;
        }
        let Some(mut layer) = self.state.layers.pop() else {
            return;
        };
        let at = self.state.layers.len();
        let flow = self.in_layer(&mut layer, command);
        // What opened above it meanwhile, such as a question, stays above; what was below may have closed.
        let at = at.min(self.state.layers.len());
        match flow {
            Flow::Stay => self.state.layers.insert(at, layer),
            Flow::Close => {
                if self.state.layers.is_empty() {
                    self.state.layers.push(layer);
                    let leaves = [(Command::Quit, "leaves the console")];
                    let words = self.state.keymap.hint(&self.state.contexts(), &leaves);
                    self.state.tell(Tone::Info, words);
                }
            }
            Flow::Open(above) => {
                self.state.layers.insert(at, layer);
                self.state.layers.push(above);
            }
            Flow::Replace(other) => self.state.layers.insert(at, other),
        }
        self.keep_in_view();
    }

    /// Commands that mean the same everywhere; whether it was one.
    fn anywhere(&mut self, command: Command) -> bool {
        let inside = self.state.is_inside();
        match command {
            Command::Quit => self.effects.push(Effect::Quit),
            Command::Suspend => self.effects.push(Effect::Suspend),
            Command::Redraw => self.effects.push(Effect::Redraw),
            Command::NextTheme => {
                self.state.theme = self.state.theme.next();
                let name = self.state.theme.name();
                self.state.tell(Tone::Info, format!("Theme: {name}"));
            }
            Command::ToggleMouse => {
                use crate::settings::Mouse;
                let (mouse, words) = match self.state.mouse {
                    Mouse::On => (Mouse::Off, "Mouse off: the terminal selects text"),
                    Mouse::Off => (Mouse::On, "Mouse on"),
                };
                self.state.mouse = mouse;
                self.state.tell(Tone::Info, words);
                self.effects.push(Effect::Mouse(mouse));
            }
            Command::Help => self.surface_reading(Layer::Help),
            Command::Messages => self.surface_reading(Layer::Messages),
            Command::Inspector => self.surface_reading(Layer::Inspector),
            Command::Search if inside => {
                self.end_replacing();
                let search = Search::new(self.state.today());
                self.surface(Layer::Search(Box::new(search)));
            }
            Command::Bookings if inside => {
                self.surface(Layer::Bookings(Box::new(Bookings::new())));
                self.read_bookings();
            }
            Command::Queues if inside => {
                let queues = Queues::of(&self.state.queues);
                self.surface(Layer::Queues(queues));
                self.read_totals();
            }
            Command::Flights if inside => {
                let filter = crate::effects::http::calls::FlightFilter {
                    date: Some(airside_common::time::CalendarDate(self.state.today())),
                    ..Default::default()
                };
                self.surface(Layer::Flights(Box::new(Flights::new(filter))));
                self.read_flights();
            }
            Command::Uploads if inside => {
                self.surface(Layer::Uploads(Box::new(Uploads::new())));
                self.read_uploads();
            }
            Command::Sources if inside => self.surface(Layer::Sources(Box::new(Sources::new()))),
            Command::DeadLetters if inside => {
                self.surface(Layer::DeadLetters(Box::new(DeadLetters::new())));
                self.read_letters();
            }
            Command::LogOut if inside => self.log_out(),
            Command::Search
            | Command::Bookings
            | Command::Queues
            | Command::Flights
            | Command::Uploads
            | Command::Sources
            | Command::DeadLetters
            | Command::LogOut => {}
            _ => return false,
        }
        true
    }

    fn surface_reading(&mut self, make: fn(Reading) -> Layer) {
        // The help is about the screen below: it is opened above a popup too.
        let layer = make(Reading::default());
        let open = self
            .state
            .layers
            .last()
            .is_some_and(|l| std::mem::discriminant(l) == std::mem::discriminant(&layer));
        if open {
            self.state.layers.pop();
        } else if matches!(layer, Layer::Help(_)) {
            self.state.layers.retain(|l| !matches!(l, Layer::Help(_)));
            self.state.layers.push(layer);
        } else {
            self.surface(layer);
        }
    }

    fn in_layer(&mut self, layer: &mut Layer, command: Command) -> Flow {
        if let Layer::UploadForm(form) = layer
            && let Some(flow) = self.complete_path(form, command)
        {
            return flow;
        }
        if let Some(flow) = self.in_form(layer, command) {
            return flow;
        }
        match layer {
            Layer::Login(login) => match command {
                Command::Accept if login.phase == Phase::Entry => self.log_in(login),
                _ => Flow::Stay,
            },
            Layer::Search(search) => match command {
                Command::Accept => self.search(search),
                Command::Back => Flow::Close,
                _ => Flow::Stay,
            },
            Layer::Narrow(narrow) => match command {
                Command::Accept => self.narrow(narrow),
                Command::Back => Flow::Close,
                _ => Flow::Stay,
            },
            Layer::Results(results) => self.results(results, command),
            Layer::Details(details) => self.details(details, command),
            Layer::Booking(booking) => self.booking(booking, command),
            Layer::Seats(seats) => self.seats(seats, command),
            Layer::Bookings(bookings) => self.bookings(bookings, command),
            Layer::Record(record) => self.record(record, command),
            Layer::Segments(choice) => self.segment_choice(choice, command),
            Layer::Queues(queues) => self.queues(queues, command),
            Layer::Queue(view) => self.queue(view, command),
            Layer::QueueForm(form) => self.queue_form(form, command),
            Layer::Flights(flights) => self.flights(flights, command),
            Layer::FlightForm(flight) => self.flight_form(flight, command),
            Layer::FlightEdit(edit) => self.flight_edit(edit, command),
            Layer::FlightChange(change) => self.flight_change(change, command),
            Layer::Sources(sources) => self.sources(sources, command),
            Layer::Source(view) => self.source(view, command),
            Layer::DeadLetters(letters) => self.dead_letters(letters, command),
            Layer::DeadLetter(view) => self.letter(view, command),
            Layer::Uploads(uploads) => self.uploads(uploads, command),
            Layer::Upload(view) => self.upload(view, command),
            Layer::UploadForm(form) => self.upload_form(form, command),
            Layer::Findings(findings) => self.findings(findings, command),
            Layer::Question(question) => match command {
                Command::Accept => {
                    self.yes(question.then.clone());
                    Flow::Close
                }
                Command::Back => {
                    self.no(&question.then);
                    Flow::Close
                }
                _ => Flow::Stay,
            },
            Layer::Help(reading) => {
                let below = self.state.layers.last();
                let length = help_length(self.state, below);
                read(&mut reading.list, command, length, self.state.list_height())
            }
            Layer::Messages(reading) => {
                let length = self.state.messages.len();
                read(&mut reading.list, command, length, self.state.list_height())
            }
            Layer::Inspector(reading) => {
                let length = self.state.inspector.entries().len();
                let height = self.state.list_height() / 2;
                read(&mut reading.list, command, length, height)
            }
        }
    }

    /// Moving and choosing in a form; `None` where the screen itself has to know.
    fn in_form(&mut self, layer: &mut Layer, command: Command) -> Option<Flow> {
        let today = self.state.today();
        if matches!(layer, Layer::Login(login) if login.phase != Phase::Entry) {
            return None;
        }
        let form = layer.form_mut()?;
        // Escape closes the completions before it leaves the screen.
        if command == Command::Back
            && let Some(field) = form.fields.get_mut(form.focus)
            && let Value::Airport { matches, .. } = &mut field.value
            && !matches.is_empty()
        {
            matches.clear();
            return Some(Flow::Stay);
        }
        match form.command(command, today) {
            Edit::None => None,
            Edit::Moved | Edit::Changed => Some(Flow::Stay),
        }
    }
}

/// How many lines the help has for the layer below it.
fn help_length(state: &State, below: Option<&Layer>) -> usize {
    let entry = below.map_or(Entry::Commands, Layer::entry);
    state
        .keymap
        .in_force(&state.contexts_of(below), entry)
        .len()
}

/// Moves a cursor by a command; whether it was one that moves.
pub(super) fn moves(
    cursor: &mut ListCursor,
    command: Command,
    length: usize,
    height: usize,
) -> bool {
    let page = isize::try_from(height.max(2) - 1).unwrap_or(1);
    match command {
        Command::Up => cursor.step(-1, length, height),
        Command::Down => cursor.step(1, length, height),
        Command::PageUp => cursor.step(-page, length, height),
        Command::PageDown => cursor.step(page, length, height),
        Command::First => cursor.go(0, length, height),
        Command::Last => cursor.go(usize::MAX, length, height),
        _ => return false,
    }
    true
}

fn read(cursor: &mut ListCursor, command: Command, length: usize, height: usize) -> Flow {
    match command {
        Command::Back | Command::Accept => Flow::Close,
        _ => {
            moves(cursor, command, length, height);
            Flow::Stay
        }
    }
}
