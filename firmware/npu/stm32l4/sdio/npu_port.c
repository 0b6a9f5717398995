/* SPDX-License-Identifier: 0BSD */
/* The link's SD bus on STM32L4+: SDMMC1 with its own DMA at 48 MHz on four lines, and RESET by hand. An exchange is one
 * CMD53 with one block; there is no READY: the card holds DAT0 low behind a written block, and begins one that is read when
 * it can. SDIO Simplified Specification 3.00. */
#include "npu_port.h"

#include <stddef.h>

#include "npu_config.h"
#include "npu_link.h"
#include "npu_pins.h"
#include "sdmmc_registers.h"

enum { SEND_RELATIVE_ADDR = 3, IO_SEND_OP_COND = 5, SELECT_CARD = 7, IO_RW_DIRECT = 52, IO_RW_EXTENDED = 53 };
#define OCR 0xFF8000u          /* 2.7 to 3.6 V */
#define CARD_IS_READY (1u << 31) /* of R4 */
#define CARD_ADDRESS 0xFFFF0000u /* of R6, and of CMD7 */
#define WRITES (1u << 31)      /* of CMD52 and CMD53 */
#define ADDRESS(address) ((address) << 9)
#define ONE_BLOCK ((1u << 28) | (1u << 27) | 1u) /* of CMD53: function 1, blocks, fixed address 0, one of them */
#define R5_ERRORS 0x0B00u      /* ERROR, FUNCTION_NUMBER, OUT_OF_RANGE */

/* Registers of the card's function 0 */
#define IO_ABORT 0x06u
#define FUNCTION_1 1u
#define RESETS (1u << 3)

#define FIND_CLOCK SDMMC_CLKCR_CLKDIV(60u) /* 400 kHz, on one line */
#define BLOCK_EXPONENT 10u
#define WRITE_CLOCKS 960000u   /* 20 ms: how long DAT0 may be low behind a block */
#define READ_CLOCKS 24000000u  /* half a second: more than a frame, or LOAD, may take */
#define POWER_UP_US 185u       /* 74 clocks of 400 kHz */

#define COMMAND_FAILED (SDMMC_STA_CCRCFAIL | SDMMC_STA_CTIMEOUT)
#define DATA_FAILED (SDMMC_STA_DCRCFAIL | SDMMC_STA_DTIMEOUT)
#define EXCHANGE_ENDS (COMMAND_FAILED | DATA_FAILED | SDMMC_STA_DATAEND)

#if NPU_PORT_ROOM != (1u << BLOCK_EXPONENT)
#error "a buffer is one block"
#endif

static int has_clock, is_found;

static void wait_us(uint32_t us)
{
    uint32_t begin = npu_port_ticks();
    while (npu_port_ticks() - begin < us * npu_port_ticks_per_us()) {
    }
}

static void open_line(uint32_t port, uint32_t pin)
{
    pin_open_alternate(port, pin, NPU_SDIO_FUNCTION);
    pin_set_field(&GPIO(port, GPIO_PUPDR), 2u * pin, 3u, GPIO_PUPDR_UP);
}

void npu_port_open(void)
{
    pin_open_output(NPU_RESET_PORT, NPU_RESET_PIN);
    open_line(NPU_SDIO_CMD_PORT, NPU_SDIO_CMD_PIN);
    open_line(NPU_SDIO_D0_PORT, NPU_SDIO_D0_PIN);
    open_line(NPU_SDIO_D1_PORT, NPU_SDIO_D1_PIN);
    open_line(NPU_SDIO_D2_PORT, NPU_SDIO_D2_PIN);
    open_line(NPU_SDIO_D3_PORT, NPU_SDIO_D3_PIN);
    pin_open_alternate(NPU_SDIO_CK_PORT, NPU_SDIO_CK_PIN, NPU_SDIO_FUNCTION);
    RCC_CCIPR &= ~RCC_CCIPR_CLK48SEL_MASK;
    RCC_CCIPR2 &= ~RCC_CCIPR2_SDMMCSEL;
    RCC_CRRCR |= RCC_CRRCR_HSI48ON;
    has_clock = wait_for(&RCC_CRRCR, RCC_CRRCR_HSI48RDY, RCC_CRRCR_HSI48RDY);
    if (!has_clock) {
        return;
    }
    enable_clock(&RCC_AHB2ENR, RCC_AHB2ENR_SDMMC1EN);
    SDMMC1_CLKCR = FIND_CLOCK;
    SDMMC1_POWER = SDMMC_POWER_PWRCTRL_ON;
    SDMMC1_MASK = EXCHANGE_ENDS;
    SDMMC1_DLEN = NPU_PORT_ROOM;
    SDMMC1_IDMACTRL = SDMMC_IDMACTRL_IDMAEN;
    NVIC_ISER(NPU_PORT_IRQ) = NVIC_BIT(NPU_PORT_IRQ);
    wait_us(POWER_UP_US);
}

void npu_port_reset(int asserted)
{
    pin_set(NPU_RESET_PORT, NPU_RESET_PIN, asserted == 0);
    is_found = 0;
}

/* Sends a command and waits for its response; whether one came. CPSMACT rises too late to be waited for. */
static int ask(uint32_t command, uint32_t argument)
{
    SDMMC1_ICR = SDMMC_ICR_ALL;
    SDMMC1_ARG = argument;
    SDMMC1_CMD = command | SDMMC_CMD_CPSMEN;
    uint32_t status = 0u;
    for (uint32_t attempts = FAMILY_CLOCK_ATTEMPTS; attempts != 0u && status == 0u; --attempts) {
        status = SDMMC1_STA & (SDMMC_STA_CMDREND | COMMAND_FAILED);
    }
    int answered = (status & SDMMC_STA_CMDREND) != 0u;
    SDMMC1_ICR = SDMMC_ICR_ALL;
    return answered;
}

/* Writes a register of function 0; whether the card says that it did. */
static int set_register(uint32_t place, uint32_t value)
{
    return ask(IO_RW_DIRECT | SDMMC_CMD_WAITRESP_CHECKED, WRITES | ADDRESS(place) | value) &&
           (SDMMC1_RESP1 & (R5_ERRORS | 0xFFu)) == value;
}

/* Resets the card, whatever state it is in, and initializes it; 0 where it is not there yet. */
static int find_card(void)
{
    static const struct {
        uint16_t place;
        uint8_t value;
    } settings[] = {
        {0x002u, 1u << 1},            /* I/O enable: function 1 */
        {0x007u, 0x80u | 2u},         /* bus interface control: four lines, no pull-up on DAT3 */
        {0x013u, 1u << 1},            /* bus speed select: high speed */
        {0x110u, NPU_PORT_ROOM & 0xFFu}, /* block size of function 1 */
        {0x111u, NPU_PORT_ROOM >> 8},
    };
    SDMMC1_CLKCR = FIND_CLOCK;
    (void)ask(IO_RW_DIRECT | SDMMC_CMD_WAITRESP_CHECKED, WRITES | ADDRESS(IO_ABORT) | RESETS);
    if (!ask(IO_SEND_OP_COND | SDMMC_CMD_WAITRESP_UNCHECKED, OCR) || (SDMMC1_RESP1 & CARD_IS_READY) == 0u ||
        !ask(SEND_RELATIVE_ADDR | SDMMC_CMD_WAITRESP_CHECKED, 0u)) {
        return 0;
    }
    if (!ask(SELECT_CARD | SDMMC_CMD_WAITRESP_CHECKED, SDMMC1_RESP1 & CARD_ADDRESS)) {
        return 0;
    }
    for (uint32_t i = 0u; i < sizeof settings / sizeof settings[0]; ++i) {
        if (!set_register(settings[i].place, settings[i].value)) {
            return 0;
        }
    }
    SDMMC1_CLKCR = SDMMC_CLKCR_WIDBUS_4; /* 48 MHz */
    return 1;
}

int npu_port_is_ready(void)
{
    if (!is_found && has_clock) {
        is_found = find_card();
    }
    return is_found;
}

void npu_port_begin(const uint8_t *out, uint8_t *in, uint32_t count)
{
    (void)count; /* always a block: what is behind a frame means nothing */
    SDMMC1_DTIMER = out != NULL ? WRITE_CLOCKS : READ_CLOCKS;
    SDMMC1_DCTRL = SDMMC_DCTRL_DBLOCKSIZE(BLOCK_EXPONENT) | (out != NULL ? 0u : SDMMC_DCTRL_DTDIR);
    SDMMC1_IDMABASE0 = (uint32_t)(uintptr_t)(out != NULL ? out : in);
    SDMMC1_ARG = ONE_BLOCK | (out != NULL ? WRITES : 0u);
    __asm volatile("" ::: "memory"); /* what was written to `out` is there before the DMA reads it */
    SDMMC1_CMD = IO_RW_EXTENDED | SDMMC_CMD_WAITRESP_CHECKED | SDMMC_CMD_CMDTRANS | SDMMC_CMD_CPSMEN;
}

static int has_ended(void)
{
    return (SDMMC1_STA & EXCHANGE_ENDS) != 0u;
}

/* Called by the vector NPU_PORT_IRQ, also where the flag that asked for it is cleared by now. */
void board_interrupt(void)
{
    if (has_ended()) {
        npu_link_advance();
    }
}

/* The limits of response and data are the SDMMC's own: an exchange ends. Where it failed, what still waits for data here and
 * in the card is stopped. */
int npu_port_end(void)
{
    while (!has_ended()) {
        core_wait_for_interrupt();
    }
    __asm volatile("" ::: "memory"); /* `in` is read only now */
    int done = (SDMMC1_STA & (COMMAND_FAILED | DATA_FAILED)) == 0u && (SDMMC1_RESP1 & R5_ERRORS) == 0u;
    if (done == 0) {
        (void)ask(IO_RW_DIRECT | SDMMC_CMD_WAITRESP_CHECKED | SDMMC_CMD_CMDSTOP,
                  WRITES | ADDRESS(IO_ABORT) | FUNCTION_1);
    }
    SDMMC1_ICR = SDMMC_ICR_ALL;
    NVIC_ICPR(NPU_PORT_IRQ) = NVIC_BIT(NPU_PORT_IRQ);
    return done ? 0 : -1;
}
