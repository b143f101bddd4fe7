/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of the wrapper that writes down: strings of any bytes, lists in lists, lines that are full.
 */
#include "test.h"

#include "transports/trace/trace.h"

static char buf[TRACE_LINE];

static const char *one_string(bool json, const char *bytes, size_t len)
{
    struct trace_line line;

    trace_line_begin(&line, buf, sizeof(buf), json);
    trace_line_string(&line, "s", bytes, len);
    CHECK_EQ(trace_line_end(&line), strlen(buf));
    return buf;
}

TEST(trace_lines, text_escapes_what_would_break_the_line)
{
    CHECK_STR(one_string(false, "plain", 5), "s=\"plain\"");
    CHECK_STR(one_string(false, "a\n\"\\\xff\x7f", 6), "s=\"a\\x0a\\x22\\x5c\\xff\\x7f\"");
    CHECK_STR(one_string(false, "", 0), "s=\"\"");
}

TEST(trace_lines, json_string_is_one_where_the_bytes_are_utf8)
{
    CHECK_STR(one_string(true, "a\"\\\x01\x7f", 5), "{\"s\":\"a\\\"\\\\\\u0001\\u007f\"}");
    CHECK_STR(one_string(true, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9),
              "{\"s\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"}");
}

TEST(trace_lines, json_string_that_is_not_utf8_is_hexadecimal)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {{"\x80", 1},
               {"\xc3", 1},
               {"\xc0\x80", 2},
               {"\xe0\x80\x80", 3},
               {"\xed\xa0\x80", 3},
               {"\xf5\x80\x80\x80", 4},
               {"\xf4\x90\x80\x80", 4},
               {"\xc3\x28", 2},
               {"\xff", 1}};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_HAS(one_string(true, bad[i].bytes, bad[i].len), "{\"s\":{\"hex\":\"");
    CHECK_STR(one_string(true, "\xff\x01", 2), "{\"s\":{\"hex\":\"ff01\"}}");
}

TEST(trace_lines, lists_that_are_closed_at_the_very_end_of_the_room_stay_inside)
{
    char room[256];

    for (int json = 0; json < 2; json++) {
        for (size_t cap = 64; cap < 160; cap++) {
            struct trace_line line;
            memset(room, '#', sizeof(room));
            trace_line_begin(&line, room, cap, json != 0);
            for (unsigned i = 0; i < 80; i++) {
                trace_line_open(&line, NULL, '{');
                trace_line_open(&line, NULL, '[');
                trace_line_number(&line, NULL, 7);
                while (line.depth > 0)
                    trace_line_close(&line);
            }
            CHECK(line.cut);
            CHECK_EQ(trace_line_end(&line), strlen(room));
            CHECK(strlen(room) < cap && room[cap] == '#');
        }
    }
}

TEST(trace_lines, visitor_shows_every_kind_of_field)
{
    struct trace_line line;

    for (int json = 0; json < 2; json++) {
        trace_line_begin(&line, buf, sizeof(buf), json != 0);
        const struct pipc_visitor v = trace_line_visitor(&line);
        CHECK_OK(v.number(v.arg, "n", 7, 4));
        CHECK_OK(v.blob(v.arg, "b", "\x01\xfe", 2));
        CHECK_OK(v.begin_list(v.arg, "l", 2));
        CHECK_OK(v.begin_item(v.arg));
        CHECK_OK(v.string(v.arg, "s", "x", 1));
        CHECK_OK(v.end_item(v.arg));
        CHECK_OK(v.begin_item(v.arg));
        CHECK_OK(v.end_item(v.arg));
        CHECK_OK(v.end_list(v.arg));
        trace_line_end(&line);
        CHECK_STR(buf, json ? "{\"n\":7,\"b\":{\"hex\":\"01fe\"},\"l\":[{\"s\":\"x\"},{}]}"
                            : "n=7 b=0x01fe l[{s=\"x\"} {}]");
    }
}

TEST(trace_lines, full_line_closes_what_is_open_and_says_so)
{
    char small[TRACE_DEPTH + 16 + 24];
    struct trace_line line;

    trace_line_begin(&line, small, sizeof(small), true);
    const struct pipc_visitor v = trace_line_visitor(&line);
    CHECK_OK(v.begin_list(v.arg, "l", 1));
    CHECK_OK(v.begin_item(v.arg));
    CHECK_OK(v.number(v.arg, "n", 1, 1));
    CHECK_RESULT(v.string(v.arg, "s", "much longer than the room", 25), PIPC_ERR_OVERFLOW);
    CHECK_RESULT(v.number(v.arg, "m", 2, 1), PIPC_ERR_OVERFLOW);
    CHECK_RESULT(v.blob(v.arg, "m", "x", 1), PIPC_ERR_OVERFLOW);
    CHECK_RESULT(v.begin_item(v.arg), PIPC_ERR_OVERFLOW);
    CHECK(trace_line_end(&line) < sizeof(small));
    CHECK_STR(small, "{\"l\":[{\"n\":1}],\"cut\":true}");
    trace_line_begin(&line, small, sizeof(small), false);
    trace_line_words(&line, "%s", "words that are longer than the room");
    trace_line_end(&line);
    CHECK_STR(small, " ...");
}

TEST(trace_lines, lists_deeper_than_a_line_goes_are_cut)
{
    struct trace_line line;

    trace_line_begin(&line, buf, sizeof(buf), true);
    for (unsigned i = 0; i < TRACE_DEPTH; i++)
        trace_line_open(&line, i % 2 ? NULL : "l", i % 2 ? '{' : '[');
    CHECK(!line.cut);
    trace_line_open(&line, "l", '[');
    CHECK(line.cut);
    trace_line_end(&line);
    CHECK_HAS(buf, "}]}],\"cut\":true}");
    trace_line_close(&line); /* nothing is open */
    CHECK_EQ(line.depth, 0);
}

TEST(trace_lines, packets_are_gathered_from_any_place)
{
    char a[] = "abc", b[] = "defgh";
    const struct pipc_piece pieces[3] = {{a, 3}, {NULL, 0}, {b, 5}};
    const struct trace_packet packet = {.pieces = pieces, .count = 3, .len = 7};
    char got[8] = "";

    CHECK_EQ(trace_gather(&packet, 0, got, 8), 7);
    CHECK_MEM(got, "abcdefg", 7);
    CHECK_EQ(trace_gather(&packet, 2, got, 3), 3);
    CHECK_MEM(got, "cde", 3);
    CHECK_EQ(trace_gather(&packet, 5, got, 8), 2);
    CHECK_MEM(got, "fg", 2);
    CHECK_EQ(trace_gather(&packet, 7, got, 8), 0);
    CHECK_EQ(trace_gather(&packet, 100, got, 8), 0);
}
