//! Ids that look like Composio's, without a source of chance: a counter, mixed.

pub(super) struct Ids {
    entropy: u64,
    count: u64,
}

impl Ids {
    pub(super) fn new(entropy: u64) -> Self {
        Self { entropy, count: 0 }
    }

    /// `prefix` and 12 letters and digits. Two calls never give the same: eleven of them are a
    /// bijection of the counter.
    pub(super) fn next(&mut self, prefix: &str) -> String {
        const ALPHABET: &[u8; 62] =
            b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        self.count += 1;
        let mut rest = mix(self.count.wrapping_add(mix(self.entropy)));
        let mut id = String::with_capacity(prefix.len() + 12);
        id.push_str(prefix);
        for _ in 0..11 {
            id.push(char::from(ALPHABET[(rest % 62) as usize]));
            rest /= 62;
        }
        id.push(char::from(ALPHABET[(mix(!self.count) % 62) as usize]));
        id
    }

    /// One of `sides` that looks like chance: another one at each request.
    pub(super) fn die(&self, sides: u64) -> u64 {
        mix(self.count.wrapping_add(mix(!self.entropy))) % sides
    }

    /// Two words, as Composio gives them to models that read ids aloud.
    pub(super) fn words(&self, toolkit: &str) -> String {
        const FIRST: [&str; 8] = [
            "amber", "brisk", "calm", "dusty", "early", "fond", "green", "red",
        ];
        const SECOND: [&str; 8] = [
            "badger", "castle", "dune", "fjord", "harbor", "lantern", "otter", "willow",
        ];
        let rest = mix(self.count ^ self.entropy);
        format!(
            "{toolkit}_{}-{}",
            FIRST[(rest % 8) as usize],
            SECOND[(rest / 8 % 8) as usize]
        )
    }
}

/// The finalizer of SplitMix64, a bijection.
pub(super) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
