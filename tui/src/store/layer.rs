//! The layers of the screen: the last one has the focus and is drawn last.

use crate::keymap::{Context, Entry};

use super::form::{Form, Value};
use super::screen::booking::BookingForm;
use super::screen::bookings::{Bookings, Record};
use super::screen::dead_letters::{DeadLetters, LetterView};
use super::screen::flight_change::{FlightChange, FlightEdit};
use super::screen::flights::{FlightForm, Flights};
use super::screen::login::Login;
use super::screen::question::Question;
use super::screen::queues::{QueueForm, QueueView, Queues};
use super::screen::reading::Reading;
use super::screen::rebooking::{Purpose, SegmentChoice};
use super::screen::results::{Details, Narrow, Results};
use super::screen::search::Search;
use super::screen::seats::SeatPicker;
use super::screen::sources::{SourceView, Sources};
use super::screen::uploads::{Findings, UploadForm, UploadView, Uploads};

/// One layer.
#[derive(Debug, Clone)]
pub(crate) enum Layer {
    Login(Box<Login>),
    Search(Box<Search>),
    Results(Box<Results>),
    Details(Box<Details>),
    Narrow(Box<Narrow>),
    Booking(Box<BookingForm>),
    Seats(Box<SeatPicker>),
    Bookings(Box<Bookings>),
    Record(Box<Record>),
    Segments(Box<SegmentChoice>),
    Queues(Queues),
    Queue(Box<QueueView>),
    QueueForm(Box<QueueForm>),
    Flights(Box<Flights>),
    FlightForm(Box<FlightForm>),
    FlightEdit(Box<FlightEdit>),
    FlightChange(Box<FlightChange>),
    Sources(Box<Sources>),
    Source(Box<SourceView>),
    DeadLetters(Box<DeadLetters>),
    DeadLetter(Box<LetterView>),
    Uploads(Box<Uploads>),
    Upload(Box<UploadView>),
    UploadForm(Box<UploadForm>),
    Findings(Box<Findings>),
    Question(Box<Question>),
    Help(Reading),
    Messages(Reading),
    Inspector(Reading),
}

impl Layer {
    /// Its name, also as a title.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Login(_) => "Log in",
            Self::Search(_) => "Search",
            Self::Results(_) => "Flights found",
            Self::Details(_) => "Itinerary",
            Self::Narrow(_) => "Filter",
            Self::Booking(_) => "New booking",
            Self::Seats(_) => "Seats",
            Self::Bookings(_) => "Bookings",
            Self::Record(_) => "Booking",
            Self::Segments(_) => "Which flight?",
            Self::Queues(_) => "Queues",
            Self::Queue(_) => "Queue",
            Self::QueueForm(_) => "Queue entry",
            Self::Flights(_) => "Flights",
            Self::FlightForm(_) => "New flight",
            Self::FlightEdit(_) => "Change a flight",
            Self::FlightChange(_) => "What it touches",
            Self::Sources(_) => "Sources",
            Self::Source(_) => "Source",
            Self::DeadLetters(_) => "Dead letters",
            Self::DeadLetter(_) => "Dead letter",
            Self::Uploads(_) => "Uploads",
            Self::Upload(_) => "Upload",
            Self::UploadForm(_) => "New upload",
            Self::Findings(_) => "Found in the file",
            Self::Question(_) => "Question",
            Self::Help(_) => "Help",
            Self::Messages(_) => "Messages",
            Self::Inspector(_) => "Inspector",
        }
    }

    /// Whether it leaves the layers below in view.
    pub(crate) fn is_popup(&self) -> bool {
        matches!(
            self,
            Self::Question(_)
                | Self::Narrow(_)
                | Self::Details(_)
                | Self::Segments(_)
                | Self::QueueForm(_)
                | Self::Source(_)
        )
    }

    /// Where keys are pressed while it has the focus.
    pub(crate) fn contexts(&self) -> Vec<Context> {
        match self {
            Self::Login(_) => vec![Context::Login, Context::Form],
            Self::Search(_) => vec![Context::Search, Context::Form],
            Self::Results(results) if results.purpose != Purpose::Book => {
                vec![Context::Replacing, Context::Results, Context::List]
            }
            Self::Results(_) => vec![Context::Results, Context::List],
            Self::Details(details) if details.purpose != Purpose::Book => {
                vec![Context::Replacing, Context::Details, Context::List]
            }
            Self::Details(_) => vec![Context::Details, Context::List],
            Self::Narrow(_)
            | Self::FlightForm(_)
            | Self::FlightEdit(_)
            | Self::UploadForm(_)
            | Self::QueueForm(_) => {
                vec![Context::Form]
            }
            Self::Booking(_) => vec![Context::Booking, Context::Form],
            Self::Seats(_) => vec![Context::Seats],
            Self::Bookings(bookings) if bookings.typing() => vec![Context::Form],
            Self::Bookings(_) => vec![Context::Bookings, Context::List],
            Self::Record(_) => vec![Context::Record, Context::List],
            Self::Segments(_) => vec![Context::Segments, Context::List],
            Self::Queues(_) => vec![Context::Queues, Context::List],
            Self::Queue(_) => vec![Context::Queue, Context::List],
            Self::Flights(_) => vec![Context::Flights, Context::List],
            Self::FlightChange(_) => vec![Context::FlightChange, Context::List],
            Self::Sources(_) => vec![Context::Sources, Context::List],
            Self::Source(_) => vec![Context::Source, Context::List],
            Self::DeadLetters(_) => vec![Context::DeadLetters, Context::List],
            Self::DeadLetter(_) => vec![Context::DeadLetter, Context::List],
            Self::Uploads(_) => vec![Context::Uploads, Context::List],
            Self::Upload(_) => vec![Context::Upload, Context::List],
            Self::Findings(_) => vec![Context::Findings, Context::List],
            Self::Question(_) => vec![Context::Question],
            Self::Help(_) => vec![Context::Help, Context::List],
            Self::Messages(_) => vec![Context::Messages, Context::List],
            Self::Inspector(_) => vec![Context::Inspector, Context::List],
        }
    }

    /// Its form, if it has one with the focus.
    pub(crate) fn form(&self) -> Option<&Form> {
        match self {
            Self::Login(login) => Some(&login.form),
            Self::Search(search) => Some(&search.form),
            Self::Narrow(narrow) => Some(&narrow.form),
            Self::Booking(booking) => Some(&booking.form),
            Self::FlightForm(flight) => Some(&flight.form),
            Self::FlightEdit(edit) => Some(&edit.form),
            Self::UploadForm(upload) => Some(&upload.form),
            Self::QueueForm(queue) => Some(&queue.form),
            Self::Bookings(bookings) => bookings.filtering.as_ref(),
            _ => None,
        }
    }

    /// Its form, if it has one with the focus.
    pub(crate) fn form_mut(&mut self) -> Option<&mut Form> {
        match self {
            Self::Login(login) => Some(&mut login.form),
            Self::Search(search) => Some(&mut search.form),
            Self::Narrow(narrow) => Some(&mut narrow.form),
            Self::Booking(booking) => Some(&mut booking.form),
            Self::FlightForm(flight) => Some(&mut flight.form),
            Self::FlightEdit(edit) => Some(&mut edit.form),
            Self::UploadForm(upload) => Some(&mut upload.form),
            Self::QueueForm(queue) => Some(&mut queue.form),
            Self::Bookings(bookings) => bookings.filtering.as_mut(),
            _ => None,
        }
    }

    /// Whether what is typed goes into a field.
    pub(crate) fn entry(&self) -> Entry {
        if self.form().is_some_and(Form::takes_text) {
            Entry::Text
        } else {
            Entry::Commands
        }
    }

    /// What the inspector watches.
    pub(crate) fn facts(&self, facts: &mut Vec<(String, String)>) {
        if let Some(form) = self.form() {
            facts.push((
                "focus".to_owned(),
                form.focused().map_or("", |f| f.name.as_str()).to_owned(),
            ));
            for field in &form.fields {
                let content = match &field.value {
                    Value::Secret(input) => "•".repeat(input.value().chars().count().min(1)),
                    _ => field.content().to_owned(),
                };
                facts.push((field.name.clone(), content));
                if let Some(error) = &field.error {
                    facts.push((format!("error {}", field.name), error.clone()));
                }
            }
        }
        match self {
            Self::Results(results) => {
                facts.push(("cursor".to_owned(), results.pages.list.at.to_string()));
                facts.push(("items".to_owned(), results.pages.items.len().to_string()));
                facts.push(("loading".to_owned(), format!("{:?}", results.pages.loading)));
                facts.push(("date".to_owned(), results.query.date.to_string()));
                facts.push(("sort".to_owned(), format!("{:?}", results.query.sort)));
            }
            Self::Bookings(bookings) => {
                facts.push(("cursor".to_owned(), format!("{:?}", bookings.selected)));
                facts.push(("filter".to_owned(), bookings.filter.clone()));
                facts.push(("loading".to_owned(), format!("{:?}", bookings.loading)));
            }
            Self::Record(record) => {
                facts.push(("reference".to_owned(), format!("{:?}", record.reference)));
            }
            Self::Segments(choice) => {
                facts.push(("cursor".to_owned(), choice.list.at.to_string()));
            }
            Self::Queues(queues) => {
                facts.push(("cursor".to_owned(), queues.list.at.to_string()));
            }
            Self::Queue(queue) => {
                facts.push(("cursor".to_owned(), queue.pages.list.at.to_string()));
                facts.push(("items".to_owned(), queue.pages.items.len().to_string()));
                facts.push(("loading".to_owned(), format!("{:?}", queue.pages.loading)));
            }
            Self::Flights(flights) => {
                facts.push(("cursor".to_owned(), flights.pages.list.at.to_string()));
                facts.push(("items".to_owned(), flights.pages.items.len().to_string()));
            }
            Self::FlightChange(change) => {
                facts.push(("version".to_owned(), change.flight.version.to_string()));
                facts.push(("touched".to_owned(), change.count()));
                facts.push(("progress".to_owned(), format!("{:?}", change.progress)));
            }
            Self::Sources(sources) => {
                facts.push(("cursor".to_owned(), sources.list.at.to_string()));
                facts.push(("items".to_owned(), sources.items.len().to_string()));
                facts.push(("asked".to_owned(), format!("{:?}", sources.asked)));
            }
            Self::DeadLetters(letters) => {
                facts.push(("cursor".to_owned(), letters.list.at.to_string()));
                facts.push(("items".to_owned(), letters.items.len().to_string()));
            }
            Self::DeadLetter(view) => {
                facts.push(("letter".to_owned(), view.letter.id.clone()));
            }
            Self::Uploads(uploads) => {
                facts.push(("cursor".to_owned(), uploads.pages.list.at.to_string()));
                facts.push(("items".to_owned(), uploads.pages.items.len().to_string()));
                facts.push(("sending".to_owned(), format!("{:?}", uploads.sending)));
            }
            Self::Upload(view) => {
                facts.push(("status".to_owned(), view.upload.status.to_string()));
                facts.push(("rows".to_owned(), view.upload.rows_done.to_string()));
            }
            Self::Seats(seats) => {
                facts.push(("seat".to_owned(), format!("{:?}", seats.under_cursor())));
                facts.push(("chosen".to_owned(), format!("{:?}", seats.chosen)));
            }
            _ => {}
        }
    }
}
