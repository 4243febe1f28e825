/* store: a line of a ledger: SEQUENCE TIME MEMBER STATE DETAIL CRC. */
#include "ledger.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const char no_detail[] = "-";
enum { CRC_DIGITS = 8 };

static unsigned long crc_of(const char *text, size_t length) {
    return crc32(crc32(0, NULL, 0), (const unsigned char *)text, (unsigned)length);
}

/* ---- making ----------------------------------------------------------------------------------------------- */

/* A member's name without what separates fields. */
static char *encode_name(const char *name) {
    if (!name[0]) {
        return dstn_strdup("%00");
    }
    char *encoded = dstn_alloc(3 * strlen(name) + 1, 1), *to = encoded;
    for (const char *c = name; *c; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte <= ' ' || byte == '%' || byte == 0x7f) {
            to += snprintf(to, 4, "%%%02X", byte);
        } else {
            *to++ = *c;
        }
    }
    return encoded;
}

char *store_ledger_line_make(int64_t sequence, const char *time, const char *member, dstn_member_state state,
                             const char *detail) {
    char *name = encode_name(member);
    char *body = dstn_format("%" PRId64 " %s %s %s %s", sequence, time, name, dstn_member_state_name(state),
                             detail && detail[0] ? detail : no_detail);
    for (char *c = body; *c; c++) {
        if (iscntrl((unsigned char)*c)) {
            *c = ' ';
        }
    }
    char *line = dstn_format("%s %08lx\n", body, crc_of(body, strlen(body)));
    free(body);
    free(name);
    return line;
}

/* ---- reading ---------------------------------------------------------------------------------------------- */

/* Cuts the next field off, which ends at a space. NULL: there is none. */
static char *next_field(char **rest) {
    char *field = *rest, *space = strchr(field, ' ');
    if (!space || space == field) {
        return NULL;
    }
    *space = 0;
    *rest = space + 1;
    return field;
}

static int hex_digit(char c) {
    const char *digits = "0123456789ABCDEF", *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : -1;
}

static bool decode_name(const char *encoded, char *name) {
    for (; *encoded; encoded++) {
        if (*encoded != '%') {
            *name++ = *encoded;
            continue;
        }
        int high = hex_digit(encoded[1]), low = high < 0 ? -1 : hex_digit(encoded[2]);
        if (low < 0) {
            return false;
        }
        *name++ = (char)(16 * high + low);
        encoded += 2;
    }
    *name = 0;
    return true;
}

static bool parse_state(const char *name, dstn_member_state *state) {
    for (int s = 0; s < DSTN_MEMBER_STATES; s++) {
        if (strcmp(name, dstn_member_state_name((dstn_member_state)s)) == 0) {
            *state = (dstn_member_state)s;
            return true;
        }
    }
    return false;
}

/* Digits alone, from 1 to the largest number that still leaves room above it. */
static bool parse_sequence(const char *digits, int64_t *sequence) {
    *sequence = 0;
    for (; *digits >= '0' && *digits <= '9'; digits++) {
        if (*sequence > STORE_LAST_SEQUENCE / 10) {
            return false;
        }
        *sequence = 10 * *sequence + (*digits - '0');
    }
    return !*digits && *sequence >= 1 && *sequence <= STORE_LAST_SEQUENCE;
}

/* body: a copy of the line without its CRC, which is taken apart. */
static bool parse_body(char *body, dstn_ledger_line *line) {
    char *sequence = next_field(&body), *time = sequence ? next_field(&body) : NULL;
    char *member = time ? next_field(&body) : NULL, *state = member ? next_field(&body) : NULL;
    if (!state || !*body || !parse_state(state, &line->state) || strlen(time) >= sizeof line->time) {
        return false;
    }
    if (!parse_sequence(sequence, &line->sequence)) {
        return false;
    }
    memcpy(line->time, time, strlen(time) + 1);
    line->member = dstn_alloc(strlen(member) + 1, 1);
    line->detail = dstn_strdup(strcmp(body, no_detail) == 0 ? "" : body);
    return decode_name(member, line->member);
}

/* The CRC covers the line; what passes it was written by us, but may have been by another version. */
bool store_ledger_line_parse(const char *text, size_t length, dstn_ledger_line *line) {
    *line = (dstn_ledger_line){0};
    if (length <= CRC_DIGITS + 1 || memchr(text, 0, length)) {
        return false;
    }
    size_t body_length = length - CRC_DIGITS - 1;
    char crc[CRC_DIGITS + 2];
    snprintf(crc, sizeof crc, " %08lx", crc_of(text, body_length));
    if (memcmp(text + body_length, crc, CRC_DIGITS + 1) != 0) {
        return false;
    }
    char *body = dstn_alloc(body_length + 1, 1);
    memcpy(body, text, body_length);
    bool good = parse_body(body, line);
    free(body);
    if (!good) {
        store_ledger_line_clear(line);
    }
    return good;
}

void store_ledger_line_clear(dstn_ledger_line *line) {
    free(line->writer);
    free(line->member);
    free(line->detail);
    *line = (dstn_ledger_line){0};
}
