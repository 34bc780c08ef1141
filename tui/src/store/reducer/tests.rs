//! Each screen's keys and answers, through the reducer alone.

mod booking;
mod bookings;
mod everywhere;
mod flights;
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
mod uploads;
