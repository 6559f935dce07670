//! Gives the shared library its SONAME, the name under which programs look for it at run time.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libseccomp.so.2");
}
