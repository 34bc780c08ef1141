//! Both sides in turn, so that what the machine does meanwhile meets both.

/// Rounds of each side.
pub(crate) const ROUNDS: usize = 5;

/// Runs both sides in turn, each first in every other round; answers what each round gave.
pub(crate) fn in_turn<T>(
    rounds: usize,
    mut first: impl FnMut() -> T,
    mut second: impl FnMut() -> T,
) -> (Vec<T>, Vec<T>) {
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        if round % 2 == 0 {
            ones.push(first());
            others.push(second());
        } else {
            others.push(second());
            ones.push(first());
        }
    }
    (ones, others)
}

/// The value in the middle.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    quantile(values, 0.5)
}

/// The value that so large a part of the values does not exceed.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position in a list"
)]
pub(crate) fn quantile(values: impl IntoIterator<Item = f64>, part: f64) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[(part * (values.len() - 1) as f64).round() as usize]
}
