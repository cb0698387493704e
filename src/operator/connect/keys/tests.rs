use jiff::SignedDuration;

use super::*;

const KEY: &str = "0123456789abcdef0123456789abcdef";
const NEXT: &str = "another key of thirty-two bytes..";

fn keys(text: &str) -> ConnectKeys {
    ConnectKeys::read(&Sensitive::new(text)).expect("a key file")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn link(account: &str) -> SealedFor<'_> {
    SealedFor {
        uid: "uid",
        account,
        expires_at: at(1_000),
    }
}

#[test]
fn a_key_file_without_a_good_key_is_refused_in_words_that_hold_nothing_of_it() {
    let read = |text: &str| ConnectKeys::read(&Sensitive::new(text)).map(|_| ());
    assert_eq!(read(" \n\n"), Err(KeyFileError::Empty));
    let short = read(&format!("{KEY}\nabcd\n"));
    assert_eq!(short, Err(KeyFileError::Short { line: 2, bytes: 4 }));
    assert!(!short.expect_err("short").to_string().contains("abcd"));
    assert_eq!(
        read(&format!("{KEY}\n{KEY}\n{KEY}")),
        Err(KeyFileError::TooMany)
    );
    assert_eq!(read(&format!("\u{feff}{KEY}\r\n")), Ok(()));
}

#[test]
fn a_token_is_good_for_one_object_one_epoch_and_its_time() {
    let keys = keys(KEY);
    let token = keys.token("uid", "1", at(1_000));
    let verified = |uid, epoch, now| keys.verify_token(&token, uid, epoch, at(now));
    assert_eq!(verified("uid", "1", 999), Some(at(1_000)));
    assert_eq!(verified("uid", "1", 1_000), None, "it is over");
    assert_eq!(verified("other", "1", 0), None, "another object");
    assert_eq!(verified("uid", "2", 0), None, "the epoch was raised");
    for end in 0..token.len() {
        assert_eq!(keys.verify_token(&token[..end], "uid", "1", at(0)), None);
    }
    for wrong in [format!("{token}A"), format!("{token}="), "é".repeat(16)] {
        assert_eq!(keys.verify_token(&wrong, "uid", "1", at(0)), None);
    }
    // Where one object's name ends and its epoch begins cannot be moved.
    assert_ne!(token, keys.token("uid1", "", at(1_000)));
}

#[test]
fn no_bit_of_a_token_can_be_changed() {
    let keys = keys(KEY);
    let bytes = BASE64_URL_SAFE_NO_PAD
        .decode(keys.token("uid", "", at(1_000)))
        .expect("base64");
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let changed = BASE64_URL_SAFE_NO_PAD.encode(changed);
        assert_eq!(keys.verify_token(&changed, "uid", "", at(0)), None, "{bit}");
    }
}

#[test]
fn during_a_rotation_both_keys_verify_and_the_first_signs() {
    let (before, during, after) = (keys(KEY), keys(&format!("{NEXT}\n{KEY}")), keys(NEXT));
    let old = before.token("uid", "", at(1_000));
    let new = during.token("uid", "", at(1_000));
    assert!(during.verify_token(&old, "uid", "", at(0)).is_some());
    assert!(after.verify_token(&old, "uid", "", at(0)).is_none());
    assert!(after.verify_token(&new, "uid", "", at(0)).is_some());
    let sealed = before.seal("https://a", link("ca_1"));
    assert!(during.open(&sealed, link("ca_1")).is_some());
    assert!(after.open(&sealed, link("ca_1")).is_none());
}

#[test]
fn a_sealed_link_opens_for_its_own_object_account_and_time_alone() {
    let keys = keys(KEY);
    let sealed = keys.seal("https://connect.example/l/1", link("ca_1"));
    assert_eq!(
        sealed,
        keys.seal("https://connect.example/l/1", link("ca_1"))
    );
    assert!(!sealed.contains("connect"));
    let opened = keys.open(&sealed, link("ca_1")).expect("it opens");
    assert_eq!(opened.expose(), "https://connect.example/l/1");
    let later = SealedFor {
        expires_at: at(1_000) + SignedDuration::from_secs(1),
        ..link("ca_1")
    };
    let other = SealedFor {
        uid: "other",
        ..link("ca_1")
    };
    for elsewhere in [link("ca_2"), later, other] {
        assert!(keys.open(&sealed, elsewhere).is_none(), "{elsewhere:?}");
    }
    assert!(keys.open("", link("ca_1")).is_none());
    assert!(keys.open("not base64!", link("ca_1")).is_none());
}

#[test]
fn forms_and_returns_have_keys_of_their_own() {
    let keys = keys(KEY);
    let form = keys.form_token("nonce", "uid", "shown");
    assert!(keys.verify_form_token(&form, "nonce", "uid", "shown"));
    assert!(!keys.verify_form_token(&form, "other", "uid", "shown"));
    assert!(!keys.verify_form_token(&form, "nonce", "other", "shown"));
    assert!(!keys.verify_form_token(&form, "nonce", "uid", "other"));
    let proof = keys.return_proof("uid", "request", "browser");
    assert!(keys.verify_return_proof(&proof, "uid", "request", "browser"));
    for (uid, request, browser) in [
        ("other", "request", "browser"),
        ("uid", "other", "browser"),
        ("uid", "request", "other"),
        ("uid", "requestb", "rowser"),
    ] {
        assert!(!keys.verify_return_proof(&proof, uid, request, browser));
    }
    assert!(!keys.verify_form_token(&proof, "nonce", "uid", "shown"));
    assert_eq!(proof.len(), 22);
}

#[test]
fn how_a_sign_in_ended_is_told_by_no_proof_of_an_address_and_no_other_way_round() {
    let keys = keys(KEY);
    let verify = |proof: &str, finished_in| {
        keys.verify_outcome_proof(proof, "uid", "request", "browser", finished_in)
    };
    let returned = keys.return_proof("uid", "request", "browser");
    for (finished_in, other) in [
        (FinishedIn::Same, FinishedIn::Another),
        (FinishedIn::Another, FinishedIn::Same),
    ] {
        let proof = keys.outcome_proof("uid", "request", "browser", finished_in);
        assert_eq!(proof.len(), 32, "whatever it begins with");
        assert!(!verify(&proof.to_ascii_uppercase(), finished_in));
        assert!(!verify(&format!("+{}", &proof[1..]), finished_in));
        assert!(verify(&proof, finished_in));
        assert!(!verify(&proof, other) && !verify(&returned, finished_in));
        assert!(!keys.verify_return_proof(&proof, "uid", "request", "browser"));
        for (uid, request, browser) in [
            ("other", "request", "browser"),
            ("uid", "other", "browser"),
            ("uid", "request", "other"),
        ] {
            assert!(!keys.verify_outcome_proof(&proof, uid, request, browser, finished_in));
        }
    }
}

#[test]
fn that_a_person_asks_is_told_of_that_person_in_that_browser_by_that_kind_of_request() {
    let keys = keys(KEY);
    let proof = keys.asked_proof("uid", "Link", "ann", "browser");
    assert!(keys.verify_asked_proof(&proof, "uid", "Link", "ann", "browser"));
    for (uid, kind, person, browser) in [
        ("other", "Link", "ann", "browser"),
        ("uid", "StartOver", "ann", "browser"),
        ("uid", "Link", "bob", "browser"),
        ("uid", "Link", "ann", "other"),
        ("uid", "Link", "annb", "rowser"),
    ] {
        assert!(!keys.verify_asked_proof(&proof, uid, kind, person, browser));
    }
    let outcome = keys.outcome_proof("uid", "Link", "ann", FinishedIn::Same);
    assert!(!keys.verify_asked_proof(&outcome, "uid", "Link", "ann", "Same"));
}
