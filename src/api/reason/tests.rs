use super::*;

#[test]
fn the_table_has_each_reason_at_its_own_place_under_its_own_name() {
    for (place, row) in TABLE.iter().enumerate() {
        assert_eq!(
            row.reason as usize, place,
            "{:?} stands at another place than in the enum",
            row.reason
        );
        assert_eq!(row.word, format!("{:?}", row.reason));
        assert_eq!(Reason::named(row.word), Some(row.reason));
    }
    assert_eq!(
        TABLE.len(),
        Reason::AuthConfigAmbiguous as usize + 1,
        "a reason has no row"
    );
    assert_eq!(Reason::named("AllIsWell"), None);
}

#[test]
fn stalled_goes_with_ready_false() {
    for row in &TABLE {
        if row.progress == Progress::Stalled {
            assert_eq!(row.ready, ReadyRule::False, "{}", row.word);
        }
    }
}
