//! Each screen's keys and answers, through the reducer alone.

mod booking;
mod bookings;
mod dead_letters;
mod everywhere;
mod flight_change;
mod flights;
mod in_hand;
mod layouts;
mod live;
mod login;
mod pointer;
mod queues;
mod reading;
mod rebooking;
mod results;
mod search;
mod seats;
mod sources;
mod uploads;
