/* The two arms of a search over a held copy: the rows near a question's vector, and those that have its words. near.py
 * and postings.py call it, and do the same in numpy where it cannot be had. Nothing is allocated.
 */

#include <stdint.h>

typedef float f8 __attribute__((vector_size(32), aligned(4), may_alias));

enum { BUCKETS = 4096, LINE = 64, AHEAD = 2 };

/* The best so far, the greatest first; of equal ones the first that came. */
typedef struct {
    int64_t most, count;
    double *values;
    int64_t *rows;
} Best;

static void keep(Best *best, double value, int64_t row) {
    if (best->count == best->most && value <= best->values[best->most - 1]) return;
    int64_t at = best->count < best->most ? best->count++ : best->most - 1;
    for (; at > 0 && best->values[at - 1] < value; at--) {
        best->values[at] = best->values[at - 1];
        best->rows[at] = best->rows[at - 1];
    }
    best->values[at] = value;
    best->rows[at] = row;
}

static float dot(const float *a, const float *b, int64_t width) {
    f8 sums[4] = {{0}};
    int64_t at = 0;
    for (; at + 32 <= width; at += 32)
        for (int part = 0; part < 4; part++)
            sums[part] += *(const f8 *)(a + at + 8 * part) * *(const f8 *)(b + at + 8 * part);
    f8 all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    float sum = ((all[0] + all[4]) + (all[1] + all[5])) + ((all[2] + all[6]) + (all[3] + all[7]));
    for (; at < width; at++) sum += a[at] * b[at];
    return sum;
}

/* The vector that is read after the next one: they lie far apart, and nobody has read them since the last question. */
static void fetch(const float *vector, int64_t width) {
    for (int64_t at = 0; at < width; at += LINE / sizeof(float)) __builtin_prefetch(vector + at);
}

/* Of the vectors (rows x width) of the `count` rows at `at`, the cosines to `vector`. */
int64_t cosines(const float *values, int64_t width, const float *vector, const int64_t *at, int64_t count,
                double *found) {
    for (int64_t i = 0; i < count; i++) {
        if (i + AHEAD < count) fetch(values + at[i + AHEAD] * width, width);
        found[i] = dot(values + at[i] * width, vector, width);
    }
    return count;
}

/* Of the rows that are `there`, those whose shadows (rows x axes) are nearest to `shadow`, in ascending order: the `most`
 * nearest, and what is as near as the last of them to a 4,096th of all distances. Returns how many.
 */
static int64_t sift(int64_t rows, const int8_t *shadows, int64_t axes, const int16_t *shadow, const uint8_t *there,
                    int64_t most, int32_t *scores, int32_t *sifted) {
    int32_t lowest = INT32_MAX, highest = INT32_MIN;
    for (int64_t row = 0; row < rows; row++) {
        int32_t score = 0;
        for (int64_t axis = 0; axis < axes; axis++) score += (int16_t)shadows[row * axes + axis] * shadow[axis];
        scores[row] = score;
        lowest = score < lowest ? score : lowest;
        highest = score > highest ? score : highest;
    }
    const float scale = (BUCKETS - 1) / ((float)highest - (float)lowest + 1);
    int32_t sizes[BUCKETS] = {0}, cut = BUCKETS - 1;
    for (int64_t row = 0; row < rows; row++) {
        scores[row] = there[row] ? (int32_t)((scores[row] - lowest) * scale) : -1;
        if (there[row]) sizes[scores[row]]++;
    }
    for (int64_t nearer = sizes[cut]; cut > 0 && nearer < most; nearer += sizes[cut]) cut--;
    int64_t count = 0;
    for (int64_t row = 0; row < rows; row++)
        if (scores[row] >= cut) sifted[count++] = row;
    return count;
}

/* Of the `to_compare` rows that the sieve leaves, the `most` (1 and more) with the greatest cosines to `vector`, best
 * first; returns how many. `work` has room for two numbers a row.
 */
int64_t nearest(int64_t rows, const float *values, int64_t width, const float *vector, const int8_t *shadows,
                int64_t axes, const int16_t *shadow, const uint8_t *there, int64_t to_compare, int64_t most,
                int32_t *work, double *found, int64_t *found_rows) {
    int32_t *sifted = work + rows;
    Best best = {most, 0, found, found_rows};
    for (int64_t i = sift(rows, shadows, axes, shadow, there, to_compare, work, sifted) - 1; i >= 0; i--) {
        if (i >= AHEAD) fetch(values + sifted[i - AHEAD] * width, width);
        keep(&best, dot(values + sifted[i] * width, vector, width), sifted[i]);
    }
    return best.count;
}

/* The `most` (1 and more) rows of those that are `there` and that the words bring up, by the weight of the words that
 * they have, best first; returns how many. Word i stands in the rows from posted[spans[2i]] to before
 * posted[spans[2i + 1]]; which words a row has goes into `words`, all zero before, a bit each. A row is brought up by any
 * of the bits in `alone`, or by any of a pair's first bits with any of its second ones.
 */
int64_t worded(int64_t rows, const int32_t *posted, int64_t count, const int64_t *spans, const double *weights,
               int64_t alone, int64_t pairs, const int64_t *together, const uint8_t *there, int64_t most,
               int64_t *words, double *found, int64_t *found_rows) {
    Best best = {most, 0, found, found_rows};
    for (int64_t word = 0; word < count; word++)
        for (int64_t at = spans[2 * word]; at < spans[2 * word + 1]; at++) words[posted[at]] |= (int64_t)1 << word;
    for (int64_t row = rows - 1; row >= 0; row--) {
        int is_up = (words[row] & alone) != 0;
        for (int64_t pair = 0; pair < pairs && !is_up; pair++)
            is_up = (words[row] & together[2 * pair]) && (words[row] & together[2 * pair + 1]);
        if (!is_up || !there[row]) continue;
        double share = 0;
        for (int64_t left = words[row]; left; left &= left - 1) share += weights[__builtin_ctzll(left)];
        keep(&best, share, row);
    }
    return best.count;
}
