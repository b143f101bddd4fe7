/* SPDX-License-Identifier: Apache-2.0
 *
 * Results and error records: names, sentences, kinds, and text that is cut with care.
 */
#include "test.h"

#include "core/base/base.h"

#include <ctype.h>

struct row {
    pipc_result result;
    const char *name;
    const char *text;
    uint32_t kind;
};

static const struct row rows[] = {
#define ROW(name, text, kind) {PIPC_ERR_##name, #name, text, PIPC_RESULT_KIND_##kind},
    PIPC_RESULT_MAP(ROW)
#undef ROW
};

TEST(base_result, names_are_those_of_the_table_in_lower_case)
{
    for (size_t i = 0; i < PIPCI_COUNT(rows); i++) {
        char name[64] = {0};
        for (size_t j = 0; rows[i].name[j]; j++)
            name[j] = (char)tolower((unsigned char)rows[i].name[j]);
        CHECK_STR(pipc_result_name(rows[i].result), name);
    }
    CHECK_STR(pipc_result_name(PIPC_OK), "ok");
    CHECK_EQ(PIPCI_COUNT(rows), PIPC_RESULT_COUNT_ - 1);
}

TEST(base_result, sentences_and_kinds_are_those_of_the_table)
{
    for (size_t i = 0; i < PIPCI_COUNT(rows); i++) {
        CHECK_STR(pipc_result_text(rows[i].result), rows[i].text);
        CHECK_EQ(pipc_result_kind(rows[i].result), rows[i].kind);
    }
    CHECK_STR(pipc_result_text(PIPC_OK), "done");
    CHECK_EQ(pipc_result_kind(PIPC_OK), PIPC_RESULT_KIND_NONE);
}

TEST(base_result, unknown_numbers_have_a_name_a_sentence_and_the_kind_peer)
{
    const pipc_result unknown[] = {PIPC_RESULT_COUNT_, PIPC_RESULT_COUNT_ + 1, UINT32_MAX};
    for (size_t i = 0; i < PIPCI_COUNT(unknown); i++) {
        CHECK_STR(pipc_result_name(unknown[i]), "unknown");
        CHECK(pipc_result_text(unknown[i])[0] != '\0');
        CHECK_EQ(pipc_result_kind(unknown[i]), PIPC_RESULT_KIND_PEER);
    }
}

TEST(base_result, sentences_are_short_ascii_without_line_end)
{
    for (pipc_result r = 0; r < PIPC_RESULT_COUNT_; r++) {
        const char *text = pipc_result_text(r);
        CHECK(strlen(text) < PIPC_ERROR_TEXT_LEN);
        for (const char *c = text; *c; c++)
            CHECK_MSG(*c >= ' ' && *c <= '~', "%s has a strange character", text);
    }
}

TEST(base_error, failing_fills_the_record_and_returns_the_result)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    err.peer_status = 7;
    CHECK_RESULT(pipci_fail(&err, PIPC_ERR_ADDR_IN_USE, 98, "%s: taken by %d", "/run/x", 5),
                 PIPC_ERR_ADDR_IN_USE);
    CHECK_RESULT(err.result, PIPC_ERR_ADDR_IN_USE);
    CHECK_EQ(err.os_code, 98);
    CHECK_EQ(err.peer_status, 0);
    CHECK_STR(err.text, "/run/x: taken by 5");
    CHECK_EQ(err.size, sizeof(err));
}

TEST(base_error, no_record_is_fine)
{
    CHECK_RESULT(pipci_fail(NULL, PIPC_ERR_TIMEOUT, 0, "x %d", 1), PIPC_ERR_TIMEOUT);
    pipci_error_copy(NULL, NULL);
}

TEST(base_error, text_may_quote_the_record_itself)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    pipci_fail(&err, PIPC_ERR_RECV, 0, "inner");
    pipci_fail(&err, PIPC_ERR_CONNECT, 0, "outer: %s", err.text);
    CHECK_STR(err.text, "outer: inner");
}

TEST(base_error, text_that_fits_exactly_is_whole_and_one_more_is_cut)
{
    char long_text[400];
    memset(long_text, 'a', sizeof(long_text));
    struct pipc_error err = PIPC_ERROR_INIT;
    pipci_fail(&err, PIPC_ERR_CONFIG, 0, "%.255s", long_text);
    CHECK_EQ(strlen(err.text), 255);
    pipci_fail(&err, PIPC_ERR_CONFIG, 0, "%.256s", long_text);
    CHECK_EQ(strlen(err.text), 255);
    pipci_fail(&err, PIPC_ERR_CONFIG, 0, "%.400s", long_text);
    CHECK_EQ(strlen(err.text), 255);
}

TEST(base_error, text_is_cut_between_characters)
{
    /* "ä" is two bytes, "€" three: the cut at byte 255 falls inside for some of the lengths in
     * front. */
    static const char *const chars[] = {"\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x90\x9c"};
    for (size_t c = 0; c < PIPCI_COUNT(chars); c++) {
        for (unsigned front = 0; front < 4; front++) {
            char text[500] = {0};
            memset(text, 'x', front);
            while (strlen(text) < 300)
                strcat(text, chars[c]);
            struct pipc_error err = PIPC_ERROR_INIT;
            pipci_fail(&err, PIPC_ERR_CONFIG, 0, "%s", text);
            const size_t size = strlen(chars[c]);
            CHECK_EQ((strlen(err.text) - front) % size, 0);
            CHECK(strlen(err.text) > 255 - size);
        }
    }
}

TEST(base_error, control_characters_do_not_reach_the_text)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    pipci_fail(&err, PIPC_ERR_CONFIG, 0, "%s", "a\nb\rc\x1b[0m\x7f\t\xc3\xa4");
    CHECK_STR(err.text, "a?b?c?[0m??\xc3\xa4");
}

TEST(base_error, no_byte_behind_the_size_of_a_record_is_written)
{
    for (uint32_t size = 0; size <= sizeof(struct pipc_error); size++) {
        union {
            struct pipc_error err;
            unsigned char bytes[sizeof(struct pipc_error) + 8];
        } u;
        memset(&u, 0xee, sizeof(u));
        u.err.size = size;
        pipci_fail(&u.err, PIPC_ERR_CONFIG, 5, "%0300d", 0);
        CHECK_EQ(u.err.size, size);
        for (size_t i = size > 4 ? size : 4; i < sizeof(u); i++)
            CHECK_MSG(u.bytes[i] == 0xee, "size %u, byte %zu written", size, i);
        if (size >= 8)
            CHECK_RESULT(u.err.result, PIPC_ERR_CONFIG);
        if (size > offsetof(struct pipc_error, text))
            CHECK_EQ(strnlen(u.err.text, size - offsetof(struct pipc_error, text)),
                     size - offsetof(struct pipc_error, text) - 1);
    }
}

TEST(base_error, a_larger_record_of_a_newer_build_is_filled_as_far_as_known)
{
    struct {
        struct pipc_error err;
        char more[16];
    } newer;
    memset(&newer, 0xee, sizeof(newer));
    newer.err.size = sizeof(newer);
    pipci_fail(&newer.err, PIPC_ERR_CONFIG, 5, "%0300d", 0);
    CHECK_EQ(strlen(newer.err.text), 255);
    for (size_t i = 0; i < sizeof(newer.more); i++)
        CHECK_EQ((unsigned char)newer.more[i], 0xee);
}

TEST(base_error, copying_goes_between_records_of_different_size)
{
    struct pipc_error from = PIPC_ERROR_INIT, to = PIPC_ERROR_INIT;
    pipci_fail(&from, PIPC_ERR_HANDSHAKE, 3, "refused by /run/x");
    from.peer_status = 6;
    pipci_error_copy(&to, &from);
    CHECK_MEM(&to, &from, offsetof(struct pipc_error, text));
    CHECK_STR(to.text, from.text);

    struct pipc_error cut = PIPC_ERROR_INIT;
    cut.size = offsetof(struct pipc_error, text) + 8;
    pipci_error_copy(&cut, &from);
    CHECK_STR(cut.text, "refused");

    from.size = offsetof(struct pipc_error, os_code);
    pipci_error_copy(&to, &from);
    CHECK_RESULT(to.result, PIPC_ERR_HANDSHAKE);
    CHECK_EQ(to.os_code, 0);
    CHECK_EQ(to.peer_status, 0);
    CHECK_STR(to.text, "");

    pipci_fail(&to, PIPC_ERR_RECV, 0, "kept");
    pipci_error_copy(&to, &to);
    CHECK_STR(to.text, "kept");
}

struct status {
    uint32_t size;
    uint32_t a;
    uint64_t b;
};

TEST(base_error, out_struct_is_copied_up_to_the_size_of_the_caller)
{
    const struct status full = {sizeof(full), 11, 22};
    for (uint32_t size = 0; size <= 40; size += 4) {
        unsigned char room[48];
        memset(room, 0xee, sizeof(room));
        memcpy(room, &size, sizeof(size));
        pipci_out_copy(room, &full, sizeof(full));
        const size_t copied = size < 4 ? 4 : size < sizeof(full) ? size : sizeof(full);
        CHECK_MEM(room, &size, sizeof(size));
        CHECK_MEM(room + 4, (const unsigned char *)&full + 4, copied - 4);
        for (size_t i = copied; i < sizeof(room); i++)
            CHECK_MSG(room[i] == 0xee, "size %u, byte %zu written", size, i);
    }
}
