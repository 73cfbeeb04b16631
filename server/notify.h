#pragma once
// Tells systemd how the service is doing (sd_notify(3): one datagram to the socket named in
// NOTIFY_SOCKET).

void notify_systemd(
    const char *state); // "READY=1", "STOPPING=1", "RELOADING=1"; nothing happens without systemd
