use super::*;
use crate::reference::reference;

fn noon() -> Timestamp {
    "2026-12-01T12:00:00Z".parse().unwrap()
}

#[test]
fn answers_are_kept_up_to_so_many_bytes() {
    let timetable = Timetable::empty(reference());
    let asked = |n: usize| format!("limit={n}");
    let keep = |answers: &KeptAnswers| {
        let seen = answers.seen(FlightId::new(0, 0));
        for n in 1..=100 {
            let (bytes, made_of) = (vec![b' '; n * 500], vec![seen; n]);
            let answer = Answer::new(&bytes, noon(), None, &timetable, Minute::MAX, &made_of);
            answers.keep(&asked(n), Arc::new(answer));
        }
    };
    let kept = |answers: &KeptAnswers| {
        let found = (1..=100).filter_map(|n| answers.find(&asked(n), &timetable, noon()));
        found.map(|answer| answer.bytes.len()).collect::<Vec<_>>()
    };
    let whole = KeptAnswers::new(64 << 20);
    keep(&whole);
    assert_eq!(kept(&whole).len(), 100);
    let sent: usize = kept(&whole).iter().sum();
    let named: usize = (1..=100).map(|n| asked(n).len()).sum();
    let made_of = 5050 * size_of::<Seen>();
    assert!(whole.answers.weight() >= (sent + named + made_of) as u64);

    let bytes = whole.answers.weight() / 4;
    let bounded = KeptAnswers::new(bytes);
    keep(&bounded);
    let sent = kept(&bounded).iter().sum::<usize>() as u64;
    assert!((1..=bytes).contains(&sent), "{sent} of {bytes}");
}
