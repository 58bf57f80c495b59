//! Facts about the process that belong beside measured times.

/// The most memory that this process has held so far, or since [`forget_peak`], in bytes; absent where the system does
/// not tell.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Starts the count of [`peak_memory`] anew, where the system lets it; what is held now stays counted.
pub fn forget_peak() {
    // Linux resets the count for whoever writes a 5; elsewhere there is no such file, and the count goes on.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Gives memory that the allocator keeps for what comes next back to the system: what one stage has freed is seldom of
/// the sizes that the next one needs.
#[allow(unsafe_code, reason = "a function of the allocator, in C")]
pub fn give_back() {
    // SAFETY: the function frees only what nobody holds; it may be called at any time, from any thread.
    unsafe { libmimalloc_sys::mi_collect(true) }
}
