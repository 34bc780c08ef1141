//! What every database must do: the suites of all stores, run on one by
//! `contract::all!(Fixture)`.

use async_trait::async_trait;

use super::Database;

pub(crate) mod processes;

/// A database with nothing in it, for one test.
#[async_trait]
pub(crate) trait Fixture: Send + Sync + Sized {
    /// Which database.
    type Database: Database + Clone;

    /// A new one.
    async fn new() -> Self;

    /// It.
    fn database(&self) -> &Self::Database;

    /// The same, as another process has opened it.
    async fn of_another_process(&self) -> Self::Database;
}

/// A test a case, each with a database of its own.
macro_rules! cases {
    ($fixture:ty, $suite:path: $($case:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            use $suite as suite;
            let fixture = <$fixture as $crate::store::contract::Fixture>::new().await;
            // As within one request: what was written is seen.
            $crate::consistency::during(None, suite::$case(&fixture)).await;
        })*
    };
}

/// Every suite on one database.
macro_rules! all {
    ($fixture:ty) => {
        mod users {
            use super::*;
            $crate::store::contract::cases!($fixture, $crate::features::users::store::contract:
                a_user_is_found_as_made
                a_name_is_taken_once
                pages_go_by_the_bytes_of_the_names
                a_change_changes_what_is_given_and_ends_all_sessions
                of_two_admins_one_stays
                what_was_refused_left_no_trace
            );
        }
        mod auth {
            use super::*;
            $crate::store::contract::cases!($fixture, $crate::features::auth::store::contract:
                an_account_is_found_with_its_hash
                a_token_is_taken_once_and_reuse_ends_its_session
                of_many_that_show_one_token_one_gets_the_next
                a_login_that_began_before_a_change_starts_nothing
                a_token_lives_until_its_end
                a_session_is_ended_alone_and_all_processes_learn_it
                what_has_expired_is_forgotten
            );
        }
        mod audit {
            use super::*;
            $crate::store::contract::cases!($fixture, $crate::features::audit::store::contract:
                entries_are_kept_to_the_letter_the_newest_first
                filters_and_positions_go_together
            );
        }
        mod outbox {
            use super::*;
            $crate::store::contract::cases!($fixture, $crate::outbox::contract:
                events_come_in_order_and_a_position_is_used_once
                a_commit_wakes_who_waits
                what_was_refused_left_no_event
                events_stay_as_long_as_said_by_the_databases_clock
                so_many_are_deleted_at_a_time
                nothing_is_deleted_that_a_lane_has_not_relayed
                lanes_are_shared
                the_depth_is_what_was_not_relayed
            );
            $crate::store::contract::cases!($fixture, $crate::outbox::follower::contract:
                who_starts_begins_at_the_present
                who_was_away_for_too_long_is_told
                who_is_ahead_of_the_database_begins_anew
                each_of_two_hears_everything
            );
        }
        mod messages {
            use super::*;
            $crate::store::contract::cases!($fixture, $crate::messages::store::contract:
                what_is_in_hand_for_too_long_goes_to_another
                a_message_stands_once_in_a_queue
                one_whose_holders_always_end_is_dead
                dead_letters_are_listed_and_removed
                one_that_dies_again_stays
                what_was_done_long_ago_is_forgotten
                who_waits_is_called
            );
        }
        mod analytics {
            use super::*;
            $crate::store::contract::cases!($fixture, $crate::features::analytics::store::contract:
                figures_are_those_of_the_bookings
                they_are_made_anew_from_the_bookings
                who_waits_has_bought_nothing
                sums_are_paged
                flights_are_as_full_as_they_are_sold
                what_was_rebooked_is_counted_as_it_is
                searches_without_seats_are_counted
            );
        }
        mod mail {
            use super::*;
            $crate::store::contract::cases!($fixture, $crate::features::notifications::mail::store::contract:
                a_message_leads_to_one_mail
                a_mail_is_in_one_hand_for_a_while
                many_hands_take_each_mail_once
                mails_are_listed_and_forgotten
                a_booking_that_is_not_there_leads_to_none
                what_a_later_event_tells_is_told_once
            );
        }
        mod webhooks {
            use super::*;
            $crate::store::contract::cases!($fixture, $crate::features::notifications::webhooks::store::contract:
                a_webhook_from_its_making_to_its_end
                a_message_is_told_once_to_those_who_want_it
                a_delivery_is_in_one_hand_for_a_while
                who_is_gone_is_told_nothing_more
                who_is_disabled_is_called_no_more
                deliveries_are_listed_and_forgotten
            );
        }
        mod schedule {
            use super::*;
            $crate::store::contract::cases!($fixture, $crate::features::bookings::store::contract::schedule:
                bookings_are_told_of_new_times_once
                the_last_times_are_told_and_what_was_agreed_stays
                a_file_moves_flights_as_an_admin_does
                a_cancelled_flight_gives_its_seats_back
                a_booking_is_rebooked_in_one_step
                a_batch_tells_and_rebooks
                what_a_batch_notes_stays_with_its_segment
            );
        }
        mod queues {
            use super::*;
            $crate::store::contract::cases!($fixture, $crate::features::queues::store::contract:
                ten_deliveries_make_one_entry
                entries_are_done_when_their_reason_is_gone
                of_many_agents_each_gets_another_entry
                an_entry_is_whose_who_has_taken_it_for_a_while
                what_comes_while_an_entry_is_in_hand_is_not_done_with_it
                what_was_seen_with_the_entry_is_no_news
                what_is_placed_while_an_entry_is_in_hand_stays
                other_offices_have_other_queues
            );
        }
        mod flights {
            use super::*;
            $crate::store::contract::cases!($fixture, $crate::features::flights::store::contract:
                a_flight_from_its_making_to_its_end
                a_natural_key_is_taken_once
                a_number_is_listed_on_all_its_dates
                a_merge_tells_what_became_of_each_row
                what_a_row_leaves_unsaid_stays
                sold_seats_bind_what_may_change
            );
        }
        mod events {
            use super::*;
            $crate::store::contract::cases!($fixture, $crate::features::events::store::contract:
                seats_are_those_of_this_moment
            );
        }
        mod uploads {
            use super::*;
            $crate::store::contract::cases!($fixture, $crate::features::uploads::store::contract:
                an_upload_from_its_arrival_to_its_end
                who_has_lost_an_upload_writes_nothing
                who_keeps_an_upload_tells_how_far_it_is
                many_workers_take_different_uploads
                one_that_was_given_back_waits_for_its_pause
                the_same_content_is_known
                a_stop_is_a_wish_until_the_worker_hears_it
                findings_are_kept_in_order_until_they_are_pruned
                lists_go_back_in_time
                a_preview_tells_what_a_merge_would_do_and_writes_nothing
            );
        }
        mod ingest {
            use super::*;
            $crate::store::contract::cases!($fixture, $crate::features::ingest::store::contract:
                a_source_is_one_processes_at_a_time
                a_poll_leaves_what_it_saw_to_the_next
                a_poll_that_was_stopped_leaves_what_was_known
                what_an_admin_wants_is_heard_by_whoever_polls
                a_content_of_a_file_is_taken_once
                of_many_who_bring_the_same_file_one_makes_an_upload
                what_was_completed_is_settled_once
                a_refused_file_is_passed_over_until_it_changes
            );
        }
        mod processes {
            use super::*;
            $crate::store::contract::cases!($fixture, $crate::store::contract::processes:
                two_share_the_last_seats
                the_same_key_at_two_is_one_booking
                an_import_beside_sales_takes_nothing_back
            );
        }
    };
}
pub(crate) use {all, cases};
