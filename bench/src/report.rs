//! The table that a run prints.

use std::fmt;

/// What a figure should reach.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Aim {
    /// At least this ratio to what was measured beside it.
    Ratio(f64),
    /// Less than this, in the figure's own unit.
    Below(f64),
    /// It is only told.
    None,
}

/// A figure with its unit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure {
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, unit } = self;
        if *value >= 1000.0 {
            write!(f, "{value:.0} {unit}")
        } else if *value >= 10.0 {
            write!(f, "{value:.1} {unit}")
        } else {
            write!(f, "{value:.3} {unit}")
        }
    }
}

/// All rows of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<[String; 6]>,
}

impl Report {
    /// A figure with what was measured beside it.
    pub(crate) fn beside(&mut self, name: &str, unit: &'static str, pair: (f64, f64), aim: Aim) {
        let figure = |value| Figure { value, unit }.to_string();
        let ratio = pair.0 / pair.1;
        self.row(
            name,
            figure(pair.0),
            figure(pair.1),
            Some(ratio),
            pair.0,
            aim,
        );
    }

    /// A figure by itself.
    pub(crate) fn alone(&mut self, name: &str, unit: &'static str, value: f64, aim: Aim) {
        let figure = Figure { value, unit }.to_string();
        self.row(name, figure, String::new(), None, value, aim);
    }

    fn row(
        &mut self,
        name: &str,
        airside: String,
        beside: String,
        ratio: Option<f64>,
        value: f64,
        aim: Aim,
    ) {
        let (wanted, reached) = match aim {
            Aim::Ratio(least) => (
                format!(">= {least}"),
                Some(ratio.is_some_and(|ratio| ratio >= least)),
            ),
            Aim::Below(most) => (format!("< {most}"), Some(value < most)),
            Aim::None => (String::new(), None),
        };
        let verdict = match reached {
            Some(true) => "reached",
            Some(false) => "missed",
            None => "",
        };
        let ratio = ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
        let row = [
            name.to_owned(),
            airside,
            beside,
            ratio,
            wanted,
            verdict.to_owned(),
        ];
        eprintln!("  {}", row.join("  "));
        self.rows.push(row);
    }
}

const HEAD: [&str; 6] = ["measure", "Airside", "beside it", "ratio", "aim", ""];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = HEAD.map(str::to_owned);
        let line = HEAD.map(|_| "---".to_owned());
        let all: Vec<&[String; 6]> = [&head, &line].into_iter().chain(&self.rows).collect();
        let width = |at: usize| all.iter().map(|row| row[at].chars().count()).max();
        let widths: Vec<usize> = (0..HEAD.len()).filter_map(width).collect();
        for row in all {
            for (cell, width) in row.iter().zip(&widths) {
                write!(f, "| {cell:width$} ")?;
            }
            writeln!(f, "|")?;
        }
        Ok(())
    }
}
