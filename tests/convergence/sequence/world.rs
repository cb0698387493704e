//! The Composio that a sequence begins with.

use composio_operator::sandbox::world::{Seed, Switches};

/// The worlds that a sequence begins with: that of the first project, and those that the name of the second leads to.
pub(crate) fn worlds(seed: u64) -> [Seed; 3] {
    [0, 1, 2].map(|n: u64| Seed {
        project_id: Some(format!("pr_{n}")),
        entropy: seed.wrapping_mul(3).wrapping_add(n),
        ..world(seed)
    })
}

/// The world of one project alone.
pub(crate) fn world(seed: u64) -> Seed {
    let mut random = fastrand::Rng::with_seed(!seed);
    let switches = Switches {
        refresh_leaves_expired: random.bool(),
        refresh_keeps_deadline: random.bool(),
        patch_does_not_revive: random.bool(),
        status_sets_anything: random.u32(..4) == 0,
        revoke_on_delete_needs_active: random.u32(..4) == 0,
        deleted_holds_alias: random.u32(..8) == 0,
        list_lag_seconds: [0, 0, 5][random.usize(..3)],
        alias_not_unique: random.bool(),
        quiet_metadata: random.bool(),
        get_lag_seconds: [0, 0, 5][random.usize(..3)],
        max_page: [None, Some(1), Some(1), Some(2)][random.usize(..4)],
        shifting_pages: random.bool(),
        refresh_reopens_active: random.bool(),
        refresh_is_deprecated: random.u32(..4) == 0,
        patch_knows_its_fields: random.bool(),
        narrow_aliases: random.u32(..4) == 0,
        session_info_refused: random.u32(..4) == 0,
        disabled_config_disables_accounts: random.bool(),
        declines_are_named: random.bool(),
    };
    Seed {
        entropy: seed,
        switches,
        ..Seed::default()
    }
}
