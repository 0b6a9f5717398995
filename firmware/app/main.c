/* SPDX-License-Identifier: 0BSD */
/* Says who it is, tests itself, then serves the host. */
#include "app_model.h"
#include "console.h"
#include "high_water.h"
#include "selftest.h"
#include "target.h"

static void print_identity(void)
{
    console_text("\r\ntinydeploy: model ");
    console_text(app_model.name);
    console_text(", board ");
    console_text(app_model.board);
    console_text(", build ");
    for (uint32_t i = 0u; i < sizeof app_model.build_id; ++i) {
        console_hex(app_model.build_id[i], 2u);
    }
    console_text(", ");
    console_decimal(target_core_hz() / 1000000u);
    console_text(" MHz\r\n");
    if (target_was_reset_by_watchdog()) {
        console_text("reset by the watchdog\r\n");
    }
}

static void print_selftest(void)
{
    uint32_t found;
    if (run_selftest(&found) == 0 && found == app_model.selftest_crc) {
        console_text(app_model.selftest_passed);
        return;
    }
    console_text("self-test FAILED expected ");
    console_hex(app_model.selftest_crc, 8u);
    console_text(" found ");
    console_hex(found, 8u);
    console_text("\r\n");
}

int main(void)
{
    target_init();
    fill_arenas();
    print_identity();
    print_selftest();
    for (;;) {
        target_feed_watchdog();
        int byte = target_console_get();
        if (byte >= 0) {
            app_model.receive((uint8_t)byte);
        } else {
            target_wait();
        }
    }
}
