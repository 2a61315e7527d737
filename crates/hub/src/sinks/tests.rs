//! What becomes of a batch, by what is said to it.

use super::*;

fn records(many: usize) -> Vec<Record> {
    (0..many).map(|number| Record { id: number.to_string(), ..Record::default() }).collect()
}

fn ids(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.id.as_str()).collect()
}

fn outcome(verdicts: &[Verdict]) -> Outcome {
    Outcome { verdicts: verdicts.to_vec(), ..Outcome::default() }
}

fn refused() -> Verdict {
    Verdict::Refused("no".to_owned())
}

fn again() -> Verdict {
    Verdict::Again("later".to_owned())
}

#[test]
fn what_is_refused_among_others_is_passed_and_what_is_not_taken_stays_in_order() {
    let (mut rest, mut moved, mut tries) = (records(5), Moved::default(), 0);
    let said = outcome(&[Verdict::Taken, refused(), again(), Verdict::Taken, again()]);
    let (trouble, is_progress) = sorted(said, &mut rest, &mut moved, &mut tries);
    assert_eq!((trouble.as_deref(), is_progress), (Some("later"), true));
    assert_eq!(ids(&rest), ["2", "4"]);
    assert_eq!((moved.sent, moved.refused, moved.refusal.as_deref()), (2, 1, Some("no")));
}

#[test]
fn a_sink_that_refuses_everything_loses_one_record_after_some_tries_and_not_all() {
    let (mut rest, mut moved, mut tries) = (records(3), Moved::default(), 0);
    let mut asked = 0;
    while rest.len() == 3 {
        asked += 1;
        let said = outcome(&vec![refused(); rest.len()]);
        let (trouble, is_progress) = sorted(said, &mut rest, &mut moved, &mut tries);
        assert_eq!(trouble.is_some(), asked < TRIES, "{trouble:?}");
        assert_eq!(is_progress, asked == TRIES);
    }
    assert_eq!((asked, ids(&rest)), (TRIES, vec!["1", "2"]));
    assert_eq!((moved.sent, moved.refused), (0, 1));
    // It is mended.
    let (trouble, _) = sorted(outcome(&[Verdict::Taken, Verdict::Taken]), &mut rest, &mut moved, &mut tries);
    assert_eq!((trouble, rest.len(), moved.sent, tries), (None, 0, 2, 0));
}

#[test]
fn what_a_server_does_not_name_is_counted_once() {
    let (mut rest, mut moved, mut tries) = (records(3), Moved::default(), 0);
    let said =
        Outcome { refused_among: Some((1, "too old".to_owned())), ..outcome(&vec![Verdict::Taken; 3]) };
    sorted(said, &mut rest, &mut moved, &mut tries);
    assert_eq!((moved.sent, moved.refused, rest.len()), (2, 1, 0));
}

#[test]
fn it_waits_longer_each_time_and_as_long_as_a_server_says() {
    for failures in 1..100 {
        let (least, most) = (pause(failures, None), FIRST_WAIT * (1 << (failures - 1).min(16)));
        assert!(least >= most.min(LAST_WAIT) / 2 && least <= most.min(LAST_WAIT), "{failures}: {least:?}");
    }
    assert_eq!(pause(1, Some(Duration::from_secs(77))), Duration::from_secs(77));
    assert_eq!(pause(1, Some(Duration::MAX)), LONGEST_WAIT);
}
