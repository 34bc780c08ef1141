//! The booking form: filling it in, sending it, getting it back.

use airside_common::api::problem::Problem;
use airside_common::booking::OperationKey;

use super::{Flow, Step, lift};
use crate::keymap::{Command, Context};
use crate::store::effect::Effect;
use crate::store::layer::Layer;
use crate::store::ledger::Intent;
use crate::store::operation::{Operation, OperationKind, Reference};
use crate::store::screen::booking::BookingForm;
use crate::store::screen::bookings::Record;
use crate::store::screen::seats::SeatPicker;
use crate::store::state::Tone;

impl Step<'_> {
    pub(super) fn booking(&mut self, booking: &mut BookingForm, command: Command) -> Flow {
        match command {
            Command::Back => return Flow::Close,
            Command::AddPassenger => booking.add_passenger(),
            Command::RemovePassenger => {
                if let Some(passenger) = booking.passenger_in_focus() {
                    booking.remove_passenger(passenger);
                }
            }
            Command::Seats => return self.open_seats(booking),
            Command::Accept => {
                if let Some(empty) = booking.next_empty()
                    && empty != booking.form.focus
                {
                    booking.form.enter(empty);
                    return Flow::Stay;
                }
                return self.book(booking);
            }
            _ => {}
        }
        Flow::Stay
    }

    fn book(&mut self, booking: &mut BookingForm) -> Flow {
        let today = self.state.today();
        let zone = self.state.zone.clone();
        let Some((body, preview)) = booking.intent(today, &zone) else {
            return Flow::Stay;
        };
        let Some(key) = self.operation_key() else {
            return Flow::Stay;
        };
        let intent = Intent::Create { body, preview };
        match self
            .state
            .ledger
            .submit(key.clone(), intent, self.state.now)
        {
            Ok(effects) => {
                if let Some(draft) = booking.draft.take() {
                    let dropped = self.state.ledger.drop_draft(&draft);
                    self.effects.extend(dropped.into_iter().map(Effect::from));
                }
                booking.reason = None;
                self.state.sent.push((key.clone(), booking.clone()));
                self.ledger(effects);
                let record = Record::new(Reference::Pending(key));
                // An earlier record would be left behind on the way back.
                lift(&mut self.state.layers, |layer| {
                    matches!(layer, Layer::Record(_))
                });
                Flow::Replace(Layer::Record(Box::new(record)))
            }
            Err(error) => {
                self.state.tell(Tone::Error, error.to_string());
                Flow::Stay
            }
        }
    }

    fn open_seats(&mut self, booking: &BookingForm) -> Flow {
        let Some(cabin) = booking.cabin() else {
            return Flow::Stay;
        };
        let flights = booking
            .itinerary
            .segments
            .iter()
            .map(|s| {
                let name = format!("{}{} {}-{}", s.carrier, s.number, s.origin, s.destination);
                (s.flight_id, name)
            })
            .collect::<Vec<_>>();
        for (flight, _) in &flights {
            self.effects.push(Effect::Seats { flight: *flight });
        }
        let at = booking.passenger_in_focus();
        let passengers: Vec<(usize, String)> = booking
            .seated()
            .into_iter()
            .map(|p| (p, booking.passenger_name(p)))
            .collect();
        let passenger = passengers
            .iter()
            .position(|(p, _)| Some(*p) == at)
            .unwrap_or_default();
        Flow::Open(Layer::Seats(Box::new(SeatPicker {
            flights,
            passengers,
            cabin,
            segment: 0,
            passenger,
            maps: std::collections::BTreeMap::new(),
            cursor: (0, 0),
            chosen: booking.chosen_seats(),
        })))
    }

    /// A booking was made: the form that it came from is no longer needed.
    pub(super) fn forget_form(&mut self, key: &OperationKey) {
        self.state.sent.retain(|(sent, _)| sent != key);
    }

    /// A booking was refused or could not be sent: its form comes back as it was, with the reason. It takes the place
    /// of the record that the agent is looking at; an agent who is elsewhere finds it among the bookings.
    pub(super) fn give_back(
        &mut self,
        operation: &Operation,
        reason: &str,
        problem: Option<&Problem>,
    ) {
        let OperationKind::Create { .. } = operation.kind else {
            return;
        };
        let mut form = self
            .state
            .sent
            .iter()
            .position(|(key, _)| *key == operation.key)
            .map(|at| self.state.sent.remove(at).1)
            .or_else(|| {
                self.state
                    .ledger
                    .drafts()
                    .find(|draft| draft.operation.key == operation.key)
                    .and_then(BookingForm::from_draft)
            });
        if let Some(form) = &mut form {
            form.reason = Some(reason.to_owned());
            form.draft = Some(operation.key.clone());
            if let Some(problem) = problem {
                form.form.blame(&problem.errors);
            }
        }
        let on_top = self.state.layers.len().checked_sub(1);
        let of_it = |layer: &Layer| {
            matches!(layer, Layer::Record(record)
                if record.reference == Reference::Pending(operation.key.clone()))
        };
        let record = self.state.layers.iter().position(of_it);
        match (record, form) {
            (Some(at), Some(form)) if Some(at) == on_top => {
                self.state.layers[at] = Layer::Booking(Box::new(form));
                self.state
                    .tell(Tone::Error, format!("Not booked: {reason}"));
            }
            (record, form) => {
                if let Some(at) = record {
                    self.state.layers.remove(at);
                }
                if let Some(form) = form {
                    // It is opened from the list, as it was.
                    self.state.sent.push((operation.key.clone(), form));
                }
                let keymap = &self.state.keymap;
                let lists = keymap.hint(&[Context::Inside], &[(Command::Bookings, "lists it")]);
                let in_list = [Context::Bookings, Context::List, Context::Inside];
                let corrects = keymap.hint(&in_list, &[(Command::Accept, "corrects it")]);
                let words = format!("Not booked: {reason}  ({lists}, {corrects})");
                self.state.tell(Tone::Error, words);
            }
        }
    }
}
