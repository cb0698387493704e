//! Which keys sign, and which texts are keys.

use super::*;

const PROJECT: &str = "ComposioProject/default";

fn state_key() -> StateKey {
    StateKey::new(&Sensitive::new("0123456789abcdef0123456789abcdef\n")).expect("it is long enough")
}

#[test]
fn a_record_outlives_the_api_key_where_a_state_key_signs() {
    let keys = RecordKeys::of_state_key(&state_key(), b"first", PROJECT);
    let record = keys.sign("alias", "ca_1");
    for later in [
        keys.rotated(b"second", PROJECT),
        RecordKeys::of_state_key(&state_key(), b"third", PROJECT),
    ] {
        assert_eq!(later.verify(Some(&record), "alias", "ca_1"), Proven::Valid);
        assert_eq!(later.sign("alias", "ca_1"), record);
    }
    let without = RecordKeys::derive(b"first", PROJECT);
    assert_eq!(
        without.verify(Some(&record), "alias", "ca_1"),
        Proven::UnknownKey
    );
}

#[test]
fn a_record_of_the_former_api_key_holds_until_the_next_change() {
    let first = RecordKeys::derive(b"first", PROJECT);
    let record = first.sign("alias", "ca_1");
    let second = first.rotated(b"second", PROJECT);
    assert_eq!(second.verify(Some(&record), "alias", "ca_1"), Proven::Valid);
    let same = second.rotated(b"second", PROJECT);
    assert_eq!(same.verify(Some(&record), "alias", "ca_1"), Proven::Valid);
    let third = second.rotated(b"third", PROJECT);
    assert_eq!(
        third.verify(Some(&record), "alias", "ca_1"),
        Proven::UnknownKey
    );
}

#[test]
fn each_key_that_is_or_was_in_use_is_known_as_ones_own() {
    let keys =
        RecordKeys::of_state_key(&state_key(), b"first", PROJECT).rotated(b"second", PROJECT);
    for (text, is_own) in [
        (&b"0123456789abcdef0123456789abcdef"[..], true),
        (b"first", true),
        (b"second", true),
        (b"third", false),
    ] {
        assert_eq!(keys.is_own(text, PROJECT), is_own, "{text:?}");
    }
    let keys = RecordKeys::derive(b"first", PROJECT).rotated(b"second", PROJECT);
    assert!(keys.is_own(b"first", PROJECT) && keys.is_own(b"second", PROJECT));
}

#[test]
fn a_short_state_key_is_refused_and_not_repeated() {
    let error = StateKey::new(&Sensitive::new(" short ")).expect_err("it is too short");
    assert_eq!(error, ShortStateKey { bytes: 5 });
    assert!(!error.to_string().contains("short"), "{error}");
}
