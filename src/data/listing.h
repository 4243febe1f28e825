/* data: what lies in a folder, for sources that find their files by name, and for messages. */
#ifndef DATA_LISTING_H
#define DATA_LISTING_H

#include "dstn/core.h"

typedef struct data_listing {
    char **names; /* [count] of all files but hidden ones, in their order */
    size_t count;
} data_listing;

/* An errno where the folder can't be listed, else 0. To be cleared in any case. */
int data_listing_read(const char *path, data_listing *listing);
void data_listing_clear(data_listing *listing);
bool data_listing_has(const data_listing *listing, const char *name);

/* "a, b, c, ...": some of the texts that text_of(list, 0 … count-1) gives (NULL: leaves one out), in a new string. */
char *data_join(const void *list, size_t count, const char *(*text_of)(const void *list, size_t i));
/* The same of a folder's names. */
char *data_listing_join(const data_listing *listing);

#endif
