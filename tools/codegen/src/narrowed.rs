//! Parameters of which the kernel reads fewer bits than their type has.

use std::collections::BTreeMap;
use std::path::Path;

use house::lines;

use super::facts::{Parameter, Table, tables_named};
use super::widths;

/// The signatures of a table (first) and an entry point (second).
type Signatures = BTreeMap<(&'static str, String), Vec<Parameter>>;

/// The bits that are read of a parameter (third) of an entry point (second) in a table (first).
#[derive(Default)]
pub(crate) struct Narrowed(BTreeMap<(&'static str, String, String), u8>);

impl Narrowed {
    /// Reads `data/widths.tsv` and holds it against the signatures.
    pub(crate) fn read(data: &Path, signatures: &Signatures) -> Result<Self, String> {
        let mut narrowed = Self::default();
        for (place, columns) in lines(&data.join("widths.tsv"))? {
            narrowed.add(&columns, signatures).map_err(|error| format!("{place}: {error}"))?;
        }
        Ok(narrowed)
    }

    /// The bits that are read of a register that holds a parameter of an entry point.
    pub(crate) fn bits(
        &self,
        table: &Table,
        entry: &str,
        (c_type, name): &Parameter,
    ) -> Result<u8, String> {
        let natural = widths::bits(c_type, table)?;
        let own = self.0.get(&(table.name, entry.to_owned(), name.clone()));
        Ok(own.map_or(natural, |bits| natural.min(*bits)))
    }

    fn add(&mut self, columns: &[String], signatures: &Signatures) -> Result<(), String> {
        let [tables, entries, parameter, bits, _] = columns else {
            return Err("expected tables, entry points, parameter, bits and where".into());
        };
        let bits = match bits.as_str() {
            "8" => 8,
            "16" => 16,
            "32" => 32,
            _ => return Err(format!("{bits:?} is no number of bits (8, 16, 32)")),
        };
        let tables = tables_named(tables)?;
        for entry in entries.split(',') {
            let mut narrows = false;
            for table in &tables {
                let list = signatures.get(&(table.name, entry.to_owned()));
                let is_it = |of: &&Parameter| of.1 == *parameter;
                let Some((c_type, _)) = list.and_then(|list| list.iter().find(is_it)) else {
                    continue;
                };
                narrows |= widths::bits(c_type, table)? > bits;
                self.0.insert((table.name, entry.to_owned(), parameter.clone()), bits);
            }
            if !narrows {
                return Err(format!("{entry} has no {parameter:?} of more than {bits} bits there"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::TABLES;

    fn signatures() -> Signatures {
        let parameters = [("unsigned long", "flags"), ("int", "fd")];
        let parameters: Vec<Parameter> = parameters.map(|(t, n)| (t.into(), n.into())).to_vec();
        TABLES.iter().map(|table| ((table.name, "sys_f".into()), parameters.clone())).collect()
    }

    fn add(line: &str) -> Result<Narrowed, String> {
        let columns: Vec<String> = line.split('\t').map(str::to_owned).collect();
        let mut narrowed = Narrowed::default();
        narrowed.add(&columns, &signatures()).map(|()| narrowed)
    }

    #[test]
    fn a_row_narrows_its_parameter_in_its_tables() -> Result<(), String> {
        let narrowed = add("*,-ppc64\tsys_f\tflags\t32\twhere")?;
        let flags = ("unsigned long".into(), "flags".into());
        let bits = |table: &str, entry| {
            let table = TABLES.iter().find(|of| of.name == table).ok_or("no table")?;
            narrowed.bits(table, entry, &flags)
        };
        assert_eq!(bits("x86_64", "sys_f"), Ok(32));
        assert_eq!(bits("ppc64", "sys_f"), Ok(64));
        assert_eq!(bits("x86_64", "sys_g"), Ok(64));
        Ok(())
    }

    #[test]
    fn rows_that_narrow_nothing_are_mistakes() {
        for bad in [
            "*\tsys_f\tfd\t32\twhere",
            "*\tsys_f\tmode\t32\twhere",
            "*\tsys_g\tflags\t32\twhere",
            "x86\tsys_f\tflags\t32\twhere",
            "*\tsys_f\tflags\t33\twhere",
            "*\tsys_f\tflags\t32",
        ] {
            assert!(add(bad).is_err(), "{bad}");
        }
    }
}
