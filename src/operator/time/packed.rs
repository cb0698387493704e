//! Times as they are packed: seconds and nanoseconds, both of the same sign.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

type Packed = (i64, i32);

fn pack(time: Timestamp) -> Packed {
    (time.as_second(), time.subsec_nanosecond())
}

fn unpack<E: Error>((second, nanosecond): Packed) -> Result<Timestamp, E> {
    Timestamp::new(second, nanosecond).map_err(E::custom)
}

/// Of a field that has a time.
pub(crate) mod required {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        time: &Timestamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        pack(*time).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Timestamp, D::Error> {
        unpack(Packed::deserialize(deserializer)?)
    }
}

/// Of a field that may have one.
pub(crate) mod optional {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(pack).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let packed = Option::<Packed>::deserialize(deserializer)?;
        packed.map(unpack).transpose()
    }
}
