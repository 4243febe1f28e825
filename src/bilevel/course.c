/* bilevel: hyperparameters that follow a course instead of a gradient. */
#include "trainer.h"

#include <string.h>

/* The last row whose step is at most this. */
static int64_t row_at(const dstn_course *course, int64_t step) {
    int64_t low = 0, high = course->rows; /* the row is in [low, high) */
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        *(course->steps[middle] <= step ? &low : &high) = middle;
    }
    return low;
}

void dstn_trainer_follow(dstn_trainer *trainer) {
    const dstn_course *course = trainer->course;
    size_t h = (size_t)trainer->space->count;
    if (course) {
        int64_t row = row_at(course, trainer->progress.step);
        memcpy(trainer->space->lambda, course->lambda + row * (int64_t)h, h * sizeof(double));
    }
}

void dstn_trainer_set_course(dstn_trainer *trainer, const dstn_course *course) {
    trainer->course = course;
    dstn_trainer_follow(trainer);
}
