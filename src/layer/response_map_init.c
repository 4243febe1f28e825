/* layer: initial parameters of response maps. Every draw is a function of (key, layer, map, parameter, element) and is
 * made in double, so that models of both precisions, and of all methods of a comparison, start alike. */
#include "response_map.h"

#include <math.h>
#include <stdlib.h>

/* Which parameter a draw is for: with the map's number the part of the lane above the element's index in the canonical
 * array. */
typedef enum draw_of { OF_WEIGHT, OF_BIAS, OF_RESPONSE_WEIGHT, OF_RESPONSE_BIAS, DRAWS } draw_of;

static uint64_t lane_of(const dstn_response_map *map, draw_of what, int64_t element) {
    return ((uint64_t)(DRAWS * map->number + (int)what) << 32) + (uint64_t)element;
}

/* Element i of the canonical array, wherever it is stored. */
static void set_element(const dstn_response_map *map, dstn_parameter *parameter, int64_t i, double value) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    kernel->from_double(kernel, 1, &value, layer_element(kernel, parameter->value, layer_stored_at(parameter, i)));
}

/* Shared parameters have the values that their owner gives them. */
static bool is_own(const dstn_parameter *parameter) {
    return parameter && !dstn_parameter_is_shared(parameter);
}

static void set_zero(const dstn_response_map *map, dstn_parameter *parameter) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    if (is_own(parameter)) {
        kernel->fill(kernel, parameter->count, 0, parameter->value);
    }
}

/* Uniform within the bound. */
static void draw_within(double bound, const dstn_response_map *map, dstn_parameter *parameter, dstn_rng rng,
                        draw_of what) {
    for (int64_t i = 0; is_own(parameter) && i < parameter->count; i++) {
        double uniforms[2];
        dstn_rng_uniforms(rng, (uint64_t)map->layer->index, 0, lane_of(map, what, i), uniforms);
        set_element(map, parameter, i, bound * (2 * uniforms[0] - 1));
    }
}

/* Kaiming's uniform distribution with a = √5, for weights and biases alike: within 1/√(inputs). */
static void draw_kaiming(const dstn_response_map *map, dstn_parameter *parameter, dstn_rng rng, draw_of what) {
    draw_within(1 / sqrt((double)map->in), map, parameter, rng, what);
}

/* He's normal distribution for ReLU, in its form for the way back: of variance 2/(outputs · places of the kernel). Many
 * layers one after the other leave the size of gradients as it was, where Kaiming's a = √5 divides their
 * squares by 6 in each. */
static void draw_he(const dstn_response_map *map, dstn_parameter *parameter, dstn_rng rng, draw_of what) {
    double places = (double)(map->shape.kernel * map->shape.kernel), deviation = sqrt(2 / ((double)map->out * places));
    for (int64_t i = 0; is_own(parameter) && i < parameter->count; i++) {
        double normals[2];
        dstn_rng_normals(rng, (uint64_t)map->layer->index, 0, lane_of(map, what, i), normals);
        set_element(map, parameter, i, deviation * normals[0]);
    }
}

/* ---- orthonormal rows or columns, whichever are fewer ------------------------------------------------------------ */

static double product(int64_t n, const double *a, const double *b) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

/* Removes from vector i what it has along those before it, then scales it to length 1. Once leaves an error that
 * grows with the condition of the draws; twice is enough. */
static void orthonormalize(double *vectors, int64_t i, int64_t length) {
    double *vector = vectors + i * length;
    for (int repeat = 0; repeat < 2; repeat++) {
        for (int64_t j = 0; j < i; j++) {
            const double *other = vectors + j * length;
            double along = product(length, vector, other);
            for (int64_t e = 0; e < length; e++) {
                vector[e] -= along * other[e];
            }
        }
        double norm = sqrt(product(length, vector, vector));
        for (int64_t e = 0; e < length; e++) {
            vector[e] /= norm;
        }
    }
}

static void draw_orthogonal(const dstn_response_map *map, dstn_parameter *parameter, dstn_rng rng) {
    int64_t in = parameter->columns, out = parameter->count / in;
    bool by_rows = out <= in;
    int64_t count = by_rows ? out : in, length = by_rows ? in : out;
    double *vectors = dstn_alloc((size_t)(count * length), sizeof *vectors);
    for (int64_t i = 0; i < out * in; i++) {
        double normals[2];
        dstn_rng_normals(rng, (uint64_t)map->layer->index, 0, lane_of(map, OF_WEIGHT, i), normals);
        vectors[by_rows ? i : i % in * out + i / in] = normals[0];
    }
    for (int64_t i = 0; i < count; i++) {
        orthonormalize(vectors, i, length);
    }
    for (int64_t i = 0; i < out * in; i++) {
        set_element(map, parameter, i, vectors[by_rows ? i : i % in * out + i / in]);
    }
    free(vectors);
}

/* ---- the map ----------------------------------------------------------------------------------------------------- */

/* Between words and their vectors, in both directions. */
static void draw_words(const dstn_response_map *map, dstn_parameter *parameter, dstn_rng rng, draw_of what) {
    draw_within(0.1, map, parameter, rng, what);
}

static void initialize_general(const dstn_response_map *map, dstn_rng rng) {
    if (map->init == MAP_ZERO) {
        set_zero(map, map->weight);
        set_zero(map, map->bias);
        return;
    }
    if (map->init == MAP_HE) {
        draw_he(map, map->weight, rng, OF_WEIGHT);
        set_zero(map, map->bias);
        return;
    }
    if (map->init == MAP_WORDS) {
        draw_words(map, map->weight, rng, OF_WEIGHT);
        set_zero(map, map->bias);
        return;
    }
    if (map->init == MAP_ORTHOGONAL && is_own(map->weight)) {
        draw_orthogonal(map, map->weight, rng);
    } else {
        draw_kaiming(map, map->weight, rng, OF_WEIGHT);
    }
    draw_kaiming(map, map->bias, rng, OF_BIAS);
}

void layer_map_initialize(dstn_response_map *map, dstn_rng rng) {
    initialize_general(map, rng);
    if (map->hyper) {
        /* Structured: the response starts at zero through U and V, and can leave it since W_r is not. */
        (map->init == MAP_HE      ? draw_he
         : map->init == MAP_WORDS ? draw_words
                                  : draw_kaiming)(map, map->response_weight, rng, OF_RESPONSE_WEIGHT);
        draw_kaiming(map, map->response_bias, rng, OF_RESPONSE_BIAS);
        set_zero(map, map->hyper);
    } else {
        set_zero(map, map->response_weight);
        set_zero(map, map->response_bias);
    }
}
