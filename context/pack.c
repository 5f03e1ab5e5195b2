/* The 0/1 knapsack of pack.py, which does the same in numpy where this cannot be had. Nothing is allocated. */

#include <stdint.h>
#include <string.h>

/* One more item: of each room from `first` to before `end`, whether it is in the best set, and what that is worth. */
static void add(const double *restrict without, const double *restrict below, double value, int64_t first, int64_t end,
                double *restrict best, uint8_t *restrict taken) {
    for (int64_t room = first; room < end; room++) {
        const double with_it = below[room] + value;
        taken[room] = with_it > without[room];
        best[room] = with_it > without[room] ? with_it : without[room];
    }
}

/* Marks in `chosen` which of the items make the greatest sum of values within `capacity`. `best` has room for
 * capacity + 1 numbers, all zero, `beside` for as many, `taken` for as many bytes an item.
 */
void pack(int64_t count, const double *values, const int64_t *weights, int64_t capacity, double *best, double *beside,
          uint8_t *taken, uint8_t *chosen) {
    int64_t later = 0, end = capacity + 1;
    for (int64_t item = 0; item < count; item++) later += weights[item];
    for (int64_t item = 0; item < count; item++) {
        const int64_t weight = weights[item];
        later -= weight;
        // Where all that comes later leaves room, nobody will ask what was best in less.
        const int64_t first = weight > capacity - later ? weight : capacity - later;
        add(best, best - weight, values[item], first, end, beside, taken + item * end);
        if (first < end) memcpy(best + first, beside + first, (end - first) * sizeof(double));
    }
    int64_t left = capacity;
    for (int64_t item = count - 1; item >= 0; item--) {
        chosen[item] = weights[item] <= left && taken[item * end + left];
        left -= chosen[item] ? weights[item] : 0;
    }
}
