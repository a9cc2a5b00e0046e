//! The facts in a trace about the process and the machine it came from.

/// Returns the name of the executable, without its folder; empty if the system does not report it.
pub(crate) fn process_name() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Returns the name of the host; empty if the system does not report it.
pub(crate) fn host_name() -> String {
    let from_kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let from_environment = || ["HOSTNAME", "COMPUTERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    from_kernel.or_else(from_environment).unwrap_or_default().trim().to_owned()
}
