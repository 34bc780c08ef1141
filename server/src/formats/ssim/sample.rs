//! Hand-made data sets for tests.

/// A record: a type, and texts at columns, the rest blank.
pub(crate) fn record(kind: char, fields: &[(usize, &str)]) -> String {
    let mut record = vec![b' '; 200];
    record[0] = kind as u8;
    for (column, text) in fields {
        record[column - 1..column - 1 + text.len()].copy_from_slice(text.as_bytes());
    }
    String::from_utf8(record).unwrap()
}

/// The fields of a leg that is sold: UA 12 from JFK to LAX on each day of a week.
pub(crate) const LEG: [(usize, &str); 21] = [
    (3, "UA"),
    (6, "  12"),
    (10, "01"),
    (12, "01"),
    (14, "J"),
    (15, "07DEC26"),
    (22, "13DEC26"),
    (29, "1234567"),
    (37, "JFK"),
    (40, "0800"),
    (44, "0755"),
    (48, "-0500"),
    (53, "7"),
    (55, "LAX"),
    (58, "1055"),
    (62, "1100"),
    (66, "-0800"),
    (73, "738"),
    (76, "FAYBMH"),
    (173, "F12Y138"),
    (193, "00"),
];

/// A data set that grows record by record, each with its serial number.
#[derive(Debug, Clone)]
pub(crate) struct Set {
    pub(crate) text: String,
    pub(crate) serial: u32,
}

impl Set {
    /// The header.
    pub(crate) fn new() -> Self {
        let set = Self {
            text: String::new(),
            serial: 1,
        };
        set.with('1', &[(2, "AIRLINE STANDARD SCHEDULE DATA SET"), (41, "1")])
    }

    /// The header and the record of UA, for the winter of 2026.
    pub(crate) fn of_ua(mode: &str) -> Self {
        Self::new().carrier(&[(2, mode)])
    }

    /// The record of UA with other fields.
    pub(crate) fn carrier(self, fields: &[(usize, &str)]) -> Self {
        let all = [
            (2, "L"),
            (3, "UA"),
            (11, "W26"),
            (15, "25OCT26"),
            (22, "27MAR27"),
            (72, "C"),
        ];
        self.with('2', &[&all, fields].concat())
    }

    /// The leg of [`LEG`] with other fields.
    pub(crate) fn leg(self, fields: &[(usize, &str)]) -> Self {
        self.with('3', &[&LEG, fields].concat())
    }

    /// The end of all.
    pub(crate) fn trailer(self) -> Self {
        self.trailer_with(&[])
    }

    /// The trailer with other fields.
    pub(crate) fn trailer_with(self, fields: &[(usize, &str)]) -> Self {
        let total = format!("{:06}", self.serial - 1);
        let all = [(3, "UA"), (188, total.as_str()), (194, "E")];
        self.with('5', &[&all, fields].concat())
    }

    /// Any record.
    pub(crate) fn with(mut self, kind: char, fields: &[(usize, &str)]) -> Self {
        let serial = format!("{:06}", self.serial);
        let all = [fields, &[(195, serial.as_str())]].concat();
        self.text.push_str(&record(kind, &all));
        self.text.push('\n');
        self.serial += 1;
        self
    }

    /// Any line, without a serial number.
    pub(crate) fn line(mut self, line: &str) -> Self {
        self.text.push_str(line);
        self.text.push('\n');
        self
    }
}
