//! Structures that are objects in JSON and nothing else.
//!
//! What serde derives for a structure also reads an array of its fields in order. No profile is written like that, and a
//! rule read by position would be a rule guessed.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, MapAccess, Visitor, value::MapAccessDeserializer};

/// Makes a structure with `#[serde(remote = "Self")]` one that is only read from objects.
macro_rules! object {
    ($name:ident, $expecting:literal) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Derived($name);

                impl<'de> serde::Deserialize<'de> for Derived {
                    fn deserialize<D: serde::Deserializer<'de>>(map: D) -> Result<Self, D::Error> {
                        $name::deserialize(map).map(Self)
                    }
                }

                let object = crate::object::Object::<Derived>::new($expecting);
                deserializer.deserialize_map(object).map(|derived| derived.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }
    };
}

pub(crate) use object;

/// Reads a value from an object.
pub(crate) struct Object<T> {
    expecting: &'static str,
    value: PhantomData<T>,
}

impl<T> Object<T> {
    pub(crate) const fn new(expecting: &'static str) -> Self {
        Self { expecting, value: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}
