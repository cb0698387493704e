use super::*;

#[test]
fn the_table_has_each_reason_at_its_own_place_under_its_own_name() {
    for (place, row) in TABLE.iter().enumerate() {
        assert_eq!(
            row.reason as usize, place,
            "{:?} stands at another place than in the enum",
            row.reason
        );
        let word = row.reason.as_str();
        assert_eq!(word, format!("{:?}", row.reason));
        assert_eq!(Reason::named(word), Some(row.reason));
    }
    assert_eq!(Reason::named("AllIsWell"), None);
}

#[test]
fn stalled_goes_with_ready_false_but_for_an_account_that_may_stay() {
    for row in &TABLE {
        if row.progress == Progress::Stalled {
            let expected = match row.reason {
                Reason::NotAllowed => ReadyRule::KeptOrFalse,
                _ => ReadyRule::False,
            };
            assert_eq!(row.ready, expected, "{}", row.reason);
        }
    }
}
