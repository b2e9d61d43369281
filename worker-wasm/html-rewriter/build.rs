//! Link arguments of the wasm module. Nothing is generated.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("wasm32") {
        // The page's side gives each rewriter that may be suspended a stack of its own.
        println!("cargo::rustc-cdylib-link-arg=--export=__stack_pointer");
        // The main stack serves short calls alone, none of which is deep; the default is 1 MiB of every isolate's memory.
        println!("cargo::rustc-cdylib-link-arg=-zstack-size=131072");
        println!("cargo::rustc-cdylib-link-arg=--strip-all");
    }
}
