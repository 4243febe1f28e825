/* data: how the streams of a text are cut into pieces: all of one length, or of lengths that are drawn anew in every
 * epoch, so that it isn't always the same words that a piece begins with and learns little from (Merity et al., 2018).
 */
#include "pieces.h"

#include <math.h>

enum { LEAST_VARIED = 5, MOST_ABOVE = 20, DEVIATION = 5, ONE_HALF_OF = 20 };

int64_t data_stream_places(const dstn_sampler_request *request) {
    return request->rows / request->batch;
}

static int64_t lesser(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int64_t data_longest_piece(const dstn_sampler_request *request) {
    int64_t most = request->length + (request->varies ? MOST_ABOVE : 0);
    return lesser(most, data_stream_places(request));
}

static int64_t draw_length(const dstn_sampler_request *request, int64_t epoch, int64_t piece) {
    double half, normal, draws[2];
    dstn_rng_uniforms(request->rng, (uint64_t)epoch, (uint64_t)piece, 0, draws);
    half = draws[0];
    dstn_rng_normals(request->rng, (uint64_t)epoch, (uint64_t)piece, 1, draws);
    normal = draws[0];
    int64_t base = half * ONE_HALF_OF < 1 ? request->length / 2 : request->length;
    double length = fmax(LEAST_VARIED, floor((double)base + DEVIATION * normal));
    return lesser((int64_t)length, data_longest_piece(request));
}

int64_t data_cut_pieces(const dstn_sampler_request *request, int64_t epoch, int64_t *starts) {
    int64_t places = data_stream_places(request), pieces = 0, start = 0;
    if (!request->varies && !starts) {
        return places / data_longest_piece(request);
    }
    for (;;) {
        int64_t length = request->varies ? draw_length(request, epoch, pieces) : data_longest_piece(request);
        if (starts) {
            starts[pieces] = start;
        }
        if (start + length > places) {
            return pieces;
        }
        start += length;
        pieces++;
    }
}
