//! Uploaded files for admins.

use std::time::Duration;

use airside_common::api::events::{UploadChanged, UploadProgress};
use airside_common::api::uploads::{FindingKind, Upload, UploadPage};
use airside_common::upload::{UploadId, UploadStatus};

use crate::effects::paths::Completion;
use crate::store::action::{Event, Live, News};
use crate::store::effect::Effect;
use crate::store::layer::Layer;
use crate::store::screen::Loading;
use crate::store::screen::uploads::Uploads;
use crate::store::state::Tone;
use crate::trial::desk::Desk;
use crate::trial::specimens::{broken, dry_run, logged_out, offline, upload};

fn list(desk: &Desk) -> &Uploads {
    let found = desk.state.layers.iter().find_map(|layer| match layer {
        Layer::Uploads(uploads) => Some(uploads.as_ref()),
        _ => None,
    });
    found.expect("the uploads are open")
}

/// The number of the request for the list that is awaited, or was last.
fn list_request(desk: &Desk) -> u64 {
    match list(desk).pages.loading {
        Loading::Awaited(request) => request,
        Loading::No => desk.state.requests,
    }
}

fn reads(desk: &mut Desk, items: Vec<Upload>, next: Option<&str>) -> Vec<Effect> {
    desk.happens(Event::Uploads {
        request: desk.state.requests,
        result: Ok(UploadPage {
            items,
            next_cursor: next.map(str::to_owned),
        }),
    })
}

/// The list with one upload at work and a dry run that has ended.
fn listed() -> Desk {
    let mut desk = Desk::admin();
    desk.types("<alt-u>");
    reads(&mut desk, vec![upload(2), dry_run(1)], None);
    desk
}

/// One behind the first page is not read again by itself: asking for ever would not end it.
#[test]
fn one_that_is_open_behind_the_first_page_keeps_nobody_asking() {
    let mut desk = Desk::admin();
    desk.types("<alt-u>");
    reads(&mut desk, vec![dry_run(5), dry_run(4)], Some("4"));
    desk.types("<down>");
    reads(&mut desk, vec![upload(3)], None);
    desk.types("<end><f5>");
    assert_eq!(
        reads(&mut desk, vec![dry_run(5), dry_run(4)], Some("4")),
        []
    );
    desk.types("<end>");
    assert_eq!(reads(&mut desk, vec![upload(3)], None), []);
    assert_eq!(list(&desk).pages.items.len(), 3);
}

fn live(desk: &mut Desk, live: Live) -> Vec<Effect> {
    desk.happens(Event::Live(Box::new(live)))
}

/// News of an upload.
fn told(n: u128, status: UploadStatus) -> News {
    let progress = UploadProgress {
        rows_done: 6_000,
        bytes_done: 500_000,
        bytes_total: 1_000_000,
    };
    News::Upload(UploadChanged {
        kind: "upload.told".to_owned(),
        upload_id: upload(n).id,
        status,
        progress: (status == UploadStatus::Processing).then_some(progress),
    })
}

/// After how many milliseconds the list is read, and which uploads.
fn asked(effects: &[Effect]) -> (Vec<u128>, Vec<(UploadId, u128)>) {
    let mut lists = Vec::new();
    let mut one = Vec::new();
    for effect in effects {
        match effect {
            Effect::Uploads { cursor, after, .. } => {
                assert_eq!(*cursor, None);
                lists.push(after.as_millis());
            }
            Effect::Upload { id, after, .. } => one.push((*id, after.as_millis())),
            _ => {}
        }
    }
    (lists, one)
}

/// The stream says when there is something to read: a list is not asked for each second beside it.
#[test]
fn what_is_told_of_is_read_and_not_before() {
    use UploadStatus::{Completed, Processing, Queued};
    let mut desk = Desk::admin();
    live(&mut desk, Live::Connected);
    let effects = live(&mut desk, Live::News(told(1, Queued)));
    assert_eq!(effects, [], "the list is not open");
    desk.types("<alt-u>");
    assert_eq!(reads(&mut desk, vec![dry_run(1)], None), []);
    let effects = live(&mut desk, Live::News(told(2, Queued)));
    assert_eq!(asked(&effects), (vec![200], vec![]));
    let effects = reads(&mut desk, vec![upload(2), dry_run(1)], None);
    assert_eq!(asked(&effects), (vec![10_000], vec![]), "seldom");
    // The look that is far away gives way to one at once, whose answer brings what is told before it.
    let effects = live(&mut desk, Live::News(told(2, Processing)));
    assert_eq!(asked(&effects), (vec![200], vec![]));
    desk.types("<down>");
    let effects = reads(&mut desk, vec![upload(3), upload(2), dry_run(1)], None);
    assert_eq!(asked(&effects), (vec![10_000], vec![]));
    let at = list(&desk).pages.list.at;
    assert_eq!(list(&desk).pages.items[at].id, dry_run(1).id);
    // While an answer is awaited one more follows, however many are told.
    live(&mut desk, Live::News(told(2, Processing)));
    for _ in 0..3 {
        assert_eq!(live(&mut desk, Live::News(told(2, Processing))), []);
    }
    let effects = reads(&mut desk, vec![upload(2), dry_run(1)], None);
    assert_eq!(asked(&effects), (vec![200], vec![]));
    let mut done = upload(2);
    done.status = Completed;
    assert_eq!(reads(&mut desk, vec![done, dry_run(1)], None), []);
}

/// What is told together is read once: the question has not gone out yet.
#[test]
fn news_of_one_moment_are_one_question() {
    let mut desk = listed();
    desk.types("<f5>");
    reads(&mut desk, vec![dry_run(1)], None);
    let news = || Event::Live(Box::new(Live::News(told(2, UploadStatus::Queued))));
    let effects = desk.happens_at_once(vec![news(), news(), news()]);
    assert_eq!(asked(&effects), (vec![200], vec![]));
    assert_eq!(reads(&mut desk, vec![dry_run(1)], None), []);
}

#[test]
fn one_that_is_open_is_read_as_it_is_told_of_and_no_other() {
    use UploadStatus::{Completed, Processing};
    let mut desk = listed();
    live(&mut desk, Live::Connected);
    let id = upload(2).id;
    assert_eq!(asked(&desk.types("<enter>")).1, [(id, 0)]);
    let read = |desk: &mut Desk, upload: Upload| {
        let Layer::Upload(view) = desk.top() else {
            panic!("{:?}", desk.layers());
        };
        let Loading::Awaited(request) = view.loading else {
            panic!("nothing is awaited");
        };
        desk.happens(Event::Upload {
            request,
            result: Ok(Box::new(upload)),
        })
    };
    let effects = read(&mut desk, upload(2));
    assert_eq!(asked(&effects).1, [(id, 10_000)]);
    let effects = live(&mut desk, Live::News(told(3, Processing)));
    assert_eq!(asked(&effects).1, [], "another one");
    let effects = live(&mut desk, Live::News(told(2, Completed)));
    assert_eq!(asked(&effects).1, [(id, 200)]);
    let mut done = upload(2);
    done.status = Completed;
    assert_eq!(read(&mut desk, done), []);
    assert!(desk.screen(80, 24).contains("completed"));
}

#[test]
fn what_of_uploads_may_be_missed_is_read_and_what_could_not_be_is_tried_again() {
    let mut desk = Desk::admin();
    desk.types("<alt-u>");
    reads(&mut desk, vec![dry_run(1)], None);
    let effects = live(&mut desk, Live::News(News::Reset));
    assert_eq!(asked(&effects), (vec![200], vec![]));
    let failed = Event::Uploads {
        request: list_request(&desk),
        result: Err(offline()),
    };
    assert_eq!(asked(&desk.happens(failed)), (vec![], vec![]));
    let effects = live(&mut desk, Live::Connected);
    assert_eq!(asked(&effects), (vec![0], vec![]));
    assert_eq!(reads(&mut desk, vec![dry_run(1)], None), []);
    let effects = live(&mut desk, Live::Connected);
    assert_eq!(asked(&effects), (vec![], vec![]), "all is there");
    // Without the stream, what changes by itself is asked for each second.
    live(&mut desk, Live::Lost(offline()));
    desk.types("<f5>");
    let effects = reads(&mut desk, vec![upload(2)], None);
    assert_eq!(asked(&effects), (vec![1_000], vec![]));
}

fn completed(desk: &mut Desk, text: &str, common: &str, choices: &[&str]) {
    desk.happens(Event::PathCompleted(Completion {
        text: text.to_owned(),
        common: common.to_owned(),
        choices: choices.iter().map(|&c| c.to_owned()).collect(),
    }));
}

#[test]
fn an_agent_has_no_such_screen() {
    let mut desk = Desk::agent();
    assert_eq!(desk.types("<alt-u>"), []);
    assert_eq!(desk.layers(), ["Search"]);
}

#[test]
fn it_is_asked_again_while_one_is_open_and_no_longer() {
    let mut desk = Desk::admin();
    let asked = desk.types("<alt-u>");
    assert!(matches!(&asked[..], [Effect::Uploads { after, .. }] if after.is_zero()));
    let again = reads(&mut desk, vec![upload(2), dry_run(1)], None);
    let second = Duration::from_secs(1);
    assert!(matches!(&again[..], [Effect::Uploads { after, .. }] if *after == second));
    desk.types("<down>");
    let mut done = upload(2);
    done.status = UploadStatus::Completed;
    assert_eq!(
        reads(&mut desk, vec![upload(3), done.clone(), dry_run(1)], None).len(),
        1
    );
    let at = list(&desk).pages.list.at;
    assert_eq!(
        list(&desk).pages.items[at].id,
        dry_run(1).id,
        "the cursor stays with its upload"
    );
    assert_eq!(reads(&mut desk, vec![done, dry_run(1)], None), []);
    // A late answer to a list that was closed is nobody's.
    desk.types("<esc>");
    assert_eq!(reads(&mut desk, vec![upload(2)], None), []);
}

#[test]
fn a_lost_network_is_told_and_what_is_there_stays() {
    let mut desk = listed();
    desk.types("r");
    desk.happens(Event::Uploads {
        request: desk.state.requests,
        result: Err(offline()),
    });
    assert_eq!(list(&desk).pages.items.len(), 2);
    assert!(list(&desk).pages.error.is_some());
}

#[test]
fn a_path_is_completed_as_in_a_shell() {
    let mut desk = listed();
    desk.types("n/da");
    assert_eq!(
        desk.types("<tab>"),
        [Effect::CompletePath("/da".to_owned())]
    );
    completed(&mut desk, "/da", "/data/", &["data/"]);
    assert_eq!((desk.field("path"), desk.focus()), ("/data/", "path"));
    assert_eq!(
        desk.types("<tab>"),
        [Effect::CompletePath("/data/".to_owned())]
    );
    completed(&mut desk, "/data/", "/data/", &["a.csv", "b.csv"]);
    assert!(desk.screen(80, 24).contains("b.csv"));
    desk.types("b<tab>");
    completed(&mut desk, "/data/b", "/data/b.csv", &["b.csv"]);
    // What is clear needs no more: Tab goes on.
    assert_eq!(desk.types("<tab>"), []);
    assert_eq!(
        (desk.field("path"), desk.focus()),
        ("/data/b.csv", "dry_run")
    );
    desk.types("<up><end>x<tab>");
    completed(&mut desk, "/data/b.csvx", "/data/b.csvx", &[]);
    assert_eq!(desk.error("path"), Some("there is no such file"));
    // Late, and about another text.
    completed(&mut desk, "/other", "/others", &["others"]);
    assert_eq!(desk.field("path"), "/data/b.csvx");
}

#[test]
fn a_file_is_sent_with_what_was_chosen_and_seen_on_its_way() {
    let mut desk = listed();
    assert_eq!(desk.types("n<enter>"), []);
    assert_eq!(desk.error("path"), Some("which file?"));
    let effects =
        desk.types("/data/w.ssim<down><right><down><right><right><right><down>199<enter>");
    let [Effect::SendFile { path, query }] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(path, "/data/w.ssim");
    assert!(query.dry_run && !query.again);
    assert_eq!(query.format.as_deref(), Some("ssim"));
    assert_eq!(query.filename.as_deref(), Some("w.ssim"));
    assert_eq!(query.fares.as_deref(), Some("199"));
    assert_eq!(query.currency, None);
    desk.happens(Event::FileSending {
        sent: 50,
        total: 100,
    });
    assert!(desk.screen(100, 24).contains(" 50%"));
    desk.types("n");
    assert_eq!(desk.layers().last(), Some(&"Uploads"), "one at a time");
    let asked = desk.happens(Event::FileSent(Ok(Box::new(upload(9)))));
    assert!(matches!(&asked[..], [Effect::Uploads { .. }]));
    assert_eq!(list(&desk).sending, None);
    let mut known = upload(2);
    known.duplicate_of = Some(known.id);
    desk.happens(Event::FileSent(Ok(Box::new(known))));
    let words = "The same file was merged before; nothing was done";
    assert_eq!(desk.message(), Some((Tone::Good, words)));
    desk.happens(Event::FileSent(Err(offline())));
    assert!(matches!(desk.message(), Some((Tone::Error, _))));
}

#[test]
fn what_became_of_a_file_or_of_a_stop_without_an_answer_is_not_known() {
    let mut desk = listed();
    for (event, words) in [
        (
            Event::FileSent(Err(broken())),
            "It is not known whether the file has arrived; F5 shows it",
        ),
        (
            Event::UploadCancelled(Err(broken())),
            "It is not known whether the upload stops; F5 shows it",
        ),
    ] {
        desk.happens(event);
        let (tone, told) = desk.message().unwrap();
        assert_eq!(tone, Tone::Error);
        assert!(told.starts_with(words), "{told}");
    }
}

#[test]
fn one_that_is_open_is_followed_to_its_end() {
    let mut desk = listed();
    let asked = desk.types("<enter>");
    assert!(matches!(&asked[..], [Effect::Upload { id, .. }] if *id == upload(2).id));
    let read = |desk: &mut Desk, upload: Upload| {
        desk.happens(Event::Upload {
            request: desk.state.requests,
            result: Ok(Box::new(upload)),
        })
    };
    assert_eq!(read(&mut desk, upload(2)).len(), 1);
    let mut done = upload(2);
    done.status = UploadStatus::Completed;
    assert_eq!(read(&mut desk, done), []);
    assert!(desk.screen(80, 24).contains("completed"));
    // A session that has ended is told above it.
    desk.types("r");
    desk.happens(Event::Upload {
        request: desk.state.requests,
        result: Err(logged_out()),
    });
    assert_eq!(desk.top().name(), "Log in");
}

#[test]
fn what_was_found_is_shown_by_kind_and_saved() {
    let mut desk = listed();
    desk.types("<enter>");
    let id = upload(2).id;
    let kind = FindingKind::Rejected;
    assert_eq!(desk.types("e"), [Effect::Findings { id, kind }]);
    assert_eq!(desk.types("s"), [Effect::SaveFindings { id, kind }]);
    let kind = FindingKind::Noted;
    assert_eq!(desk.types("t"), [Effect::Findings { id, kind }]);
    desk.happens(Event::FindingsSaved(Ok("a.csv".to_owned())));
    assert_eq!(desk.message(), Some((Tone::Good, "Saved in a.csv")));
}

#[test]
fn it_is_stopped_after_a_question() {
    let mut desk = listed();
    assert_eq!(desk.types("x"), []);
    assert_eq!(desk.top().name(), "Question");
    assert_eq!(desk.types("<enter>"), [Effect::CancelUpload(upload(2).id)]);
    let mut stopped = upload(2);
    stopped.status = UploadStatus::Cancelled;
    stopped.error = Some("stopped behind 7 rows".to_owned());
    desk.happens(Event::UploadCancelled(Ok(Box::new(stopped))));
    assert_eq!(list(&desk).pages.items[0].status, UploadStatus::Cancelled);
    desk.types("x");
    assert_eq!(
        desk.message(),
        Some((Tone::Info, "It is cancelled already"))
    );
}
