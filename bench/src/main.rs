//! What Airside takes, measured beside the least that it could take, both in the same run. `scripts/bench` builds and
//! runs this; `docs/performance.md` says what is measured and has the figures.

#![expect(
    clippy::unwrap_used,
    reason = "a measure stops where what it needs is not there"
)]

mod bare;
mod beside_import;
mod bookings;
mod confirms;
mod console;
mod growth;
mod http;
mod import;
mod listeners;
mod load;
mod messages;
mod place;
mod postgres;
mod postgres_import;
mod process;
mod processes;
mod redis;
mod replicas;
mod report;
mod rounds;
mod search;
mod uploads;

use report::Report;

/// As the server's program has it: what is measured beside it in this process is not to lose by its memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Measure = (&'static str, fn(&mut Report));

/// The measures by name.
const MEASURES: [Measure; 14] = [
    ("search", search::measure),
    ("bookings", bookings::measure),
    ("import", import::measure),
    ("beside", beside_import::measure),
    ("postgres", postgres::measure),
    ("postgres-import", postgres_import::measure),
    ("redis", redis::measure),
    ("processes", processes::measure),
    ("uploads", uploads::measure),
    ("messages", messages::measure),
    ("replicas", replicas::measure),
    ("listeners", listeners::measure),
    ("console", console::measure),
    ("growth", growth::measure),
];

/// Left out where no measure is named: growth takes long, and many gigabytes of disk; replicas slow all others.
const ONLY_NAMED: [&str; 2] = ["growth", "replicas"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, sizes @ ..] = arguments.as_slice()
        && word == bare::WORD
    {
        return bare::serve(sizes.iter().map(|size| size.parse().unwrap()));
    }
    if let Some(unknown) = arguments
        .iter()
        .find(|word| MEASURES.iter().all(|(name, _)| name != word))
    {
        let names = MEASURES.map(|(name, _)| name).join(" ");
        eprintln!("no measure {unknown}: there are {names}");
        return;
    }
    let mut report = Report::default();
    for (name, measure) in MEASURES {
        let is_named = arguments.iter().any(|word| word == name);
        if is_named || (arguments.is_empty() && !ONLY_NAMED.contains(&name)) {
            eprintln!("measuring: {name}");
            measure(&mut report);
        }
    }
    print!("{report}");
}
