/* all-MiniLM-L6-v2 in int8 for AVX2: token ids in, a unit vector out. The network, its scales and its weights are those
 * of encoder.py and int8.py; native.py writes them into the file that is read here. Nothing is allocated and nothing is
 * written but `work` and `out`, so that any number of threads may share one model.
 */
#include <immintrin.h>
#include <math.h>
#include <stdint.h>

enum { LAYERS = 6, WIDTH = 384, QKV = 3 * WIDTH, HEAD = 32, WIDE = 1536, WORDS = 30522, POSITIONS = 512 };
enum { LANES = 8, PANEL = 16, ROWS = 6, GROUP = 4, CHUNK = 4 };

static const float EPSILON = 1e-12f; /* of a layer's normalisation */
static const float LOWEST = -1e30f;  /* a score whose share is nothing */

typedef float f8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t i8 __attribute__((vector_size(32), aligned(4), may_alias));

/* A dense layer: `weights` in panels of 16 outputs, in which four inputs of an output lie side by side. After four such
 * steps of a panel come the 16-bit sums that they begin with: less what the zero of the bytes adds to them.
 */
typedef struct {
    const float *evening; /* what each input is multiplied by before it is rounded to a byte */
    const float *scale;   /* what each output's sum of byte products is multiplied by */
    const float *bias;    /* what is added then */
    const int8_t *weights;
    float zero;
    int inputs, outputs;
} Dense;

typedef struct {
    const float *scale, *shift;
} Norm;

static f8 each(float value) { return (f8){value, value, value, value, value, value, value, value}; }
static f8 load(const float *from) { return *(const f8 *)from; }
static void store(float *to, f8 values) { *(f8 *)to = values; }
static f8 most(f8 a, f8 b) { return (f8)_mm256_max_ps((__m256)a, (__m256)b); }
static f8 least(f8 a, f8 b) { return (f8)_mm256_min_ps((__m256)a, (__m256)b); }

static float sum(f8 v) {
    return ((v[0] + v[4]) + (v[1] + v[5])) + ((v[2] + v[6]) + (v[3] + v[7]));
}

/* e to the power x, to the last bits of fp32: 2^n by its exponent, the rest by Taylor's series to x^6/720. */
static f8 exponential(f8 x) {
    x = most(each(-87.0f), least(each(88.0f), x));
    f8 n = (f8)_mm256_round_ps((__m256)(x * each(1.44269504f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    f8 r = x - n * each(0.693145752f) - n * each(1.42860677e-6f);
    f8 series = each(1.0f / 720);
    series = series * r + each(1.0f / 120);
    series = series * r + each(1.0f / 24);
    series = series * r + each(1.0f / 6);
    series = series * r + each(0.5f);
    series = series * r + each(1.0f);
    series = series * r + each(1.0f);
    i8 power = ((i8)_mm256_cvtps_epi32((__m256)n) + 127) << 23;
    return series * (f8)power;
}

/* x times the normal distribution's share below x, with erf by Abramowitz and Stegun 7.1.26, wrong by 1.5e-7. */
static f8 gelu(f8 x) {
    f8 far = most(x, -x) * each(0.70710678f);
    f8 t = each(1.0f) / (each(1.0f) + each(0.3275911f) * far);
    f8 tail = each(1.061405429f);
    tail = tail * t + each(-1.453152027f);
    tail = tail * t + each(1.421413741f);
    tail = tail * t + each(-0.284496736f);
    tail = tail * t + each(0.254829592f);
    tail = tail * t * exponential(-far * far) * each(0.5f); /* the share beyond |x| */
    f8 share = (f8)_mm256_blendv_ps((__m256)(each(1.0f) - tail), (__m256)tail, (__m256)x);
    return x * share;
}

/* Eight values as bytes around `zero`, the nearest byte where there is none. */
static void to_bytes(uint8_t *to, f8 values, float zero) {
    __m256i whole = _mm256_cvtps_epi32((__m256)(values + each(zero)));
    __m128i halves = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
    _mm_storel_epi64((__m128i *)to, _mm_packus_epi16(halves, halves));
}

static void quantise(uint8_t *to, const float *from, const Dense *dense) {
    for (int i = 0; i < dense->inputs; i += LANES)
        to_bytes(to + i, load(from + i) * load(dense->evening + i), dense->zero);
}

/* Bytes that so many weights take, with the sums that their steps begin with. */
static long packed(long weights) { return weights / CHUNK * (CHUNK + 1); }

/* Sums of byte products of up to six tokens for one panel. Four steps are added in 16 bits (see packed.py), which
 * saves widening each product. Meanwhile the weights at `ahead` are fetched, `stride` bytes on for
 * each step.
 */
static inline __attribute__((always_inline)) void products(
    const uint8_t *tokens, int inputs, const int8_t *panel, int rows, const char *ahead, int stride, i8 sums[ROWS][2]) {
    const __m256i ones = _mm256_set1_epi16(1);
    for (int row = 0; row < rows; row++) sums[row][0] = sums[row][1] = (i8)_mm256_setzero_si256();
    for (int k = 0; k < inputs; panel += GROUP * PANEL) {
        const int8_t *begin = panel + CHUNK * GROUP * PANEL;
        __m256i left[ROWS], right[ROWS];
        for (int row = 0; row < rows; row++) {
            left[row] = _mm256_loadu_si256((const __m256i *)begin);
            right[row] = _mm256_loadu_si256((const __m256i *)(begin + 32));
        }
        for (; panel < begin; k += GROUP, panel += GROUP * PANEL) {
            __m256i first = _mm256_loadu_si256((const __m256i *)panel);
            __m256i second = _mm256_loadu_si256((const __m256i *)(panel + 32));
            _mm_prefetch(ahead, _MM_HINT_T1);
            ahead += stride;
            for (int row = 0; row < rows; row++) {
                __m256i four = _mm256_set1_epi32(*(const int32_t *)(tokens + (long)row * inputs + k));
                left[row] = _mm256_add_epi16(left[row], _mm256_maddubs_epi16(four, first));
                right[row] = _mm256_add_epi16(right[row], _mm256_maddubs_epi16(four, second));
                /* Else the compiler takes up the products of all tokens at once, for which there are no registers. */
                __asm__ volatile("" : "+x"(left[row]), "+x"(right[row]));
            }
        }
        for (int row = 0; row < rows; row++) {
            sums[row][0] += (i8)_mm256_madd_epi16(left[row], ones);
            sums[row][1] += (i8)_mm256_madd_epi16(right[row], ones);
        }
    }
}

static void products_of(
    const uint8_t *tokens, int inputs, const int8_t *panel, int rows, const char *ahead, int stride, i8 s[ROWS][2]) {
    switch (rows) {
    case 1: products(tokens, inputs, panel, 1, ahead, stride, s); break;
    case 2: products(tokens, inputs, panel, 2, ahead, stride, s); break;
    case 3: products(tokens, inputs, panel, 3, ahead, stride, s); break;
    case 4: products(tokens, inputs, panel, 4, ahead, stride, s); break;
    case 5: products(tokens, inputs, panel, 5, ahead, stride, s); break;
    default: products(tokens, inputs, panel, 6, ahead, stride, s);
    }
}

/* What becomes of the outputs of a dense layer: they are kept, added to what is there, or made bytes for `next`. */
typedef struct {
    float *kept;
    int is_added;
    uint8_t *bytes;
    const Dense *next;
} Sink;

static void drain(const Dense *dense, const Sink *sink, int token, int output, i8 sums) {
    f8 values = (f8)_mm256_cvtepi32_ps((__m256i)sums) * load(dense->scale + output) + load(dense->bias + output);
    long at = (long)token * dense->outputs + output;
    if (sink->bytes)
        to_bytes(sink->bytes + at, gelu(values) * load(sink->next->evening + output), sink->next->zero);
    else
        store(sink->kept + at, values + (sink->is_added ? load(sink->kept + at) : each(0.0f)));
}

static void apply(const Dense *dense, const uint8_t *bytes, int tokens, const Sink *sink) {
    i8 sums[ROWS][2];
    int blocks = (tokens + ROWS - 1) / ROWS, stride = (GROUP * PANEL + blocks - 1) / blocks;
    for (int output = 0; output < dense->outputs; output += PANEL) {
        const int8_t *panel = dense->weights + packed((long)output * dense->inputs);
        const char *ahead = (const char *)(panel + packed((long)dense->inputs * PANEL)); /* the panel that comes next */
        for (int token = 0; token < tokens; token += ROWS) {
            int rows = tokens - token < ROWS ? tokens - token : ROWS;
            products_of(bytes + (long)token * dense->inputs, dense->inputs, panel, rows, ahead, stride, sums);
            ahead += dense->inputs / GROUP * stride;
            for (int row = 0; row < rows; row++)
                for (int half = 0; half < 2; half++)
                    drain(dense, sink, token + row, output + half * LANES, sums[row][half]);
        }
    }
}

static void normalise(float *row, const Norm *norm) {
    f8 total = each(0.0f), squares = each(0.0f);
    for (int i = 0; i < WIDTH; i += LANES) total += load(row + i);
    f8 mean = each(sum(total) / WIDTH);
    for (int i = 0; i < WIDTH; i += LANES) {
        f8 apart = load(row + i) - mean;
        squares += apart * apart;
    }
    f8 narrow = each(1.0f / sqrtf(sum(squares) / WIDTH + EPSILON));
    for (int i = 0; i < WIDTH; i += LANES)
        store(row + i, (load(row + i) - mean) * narrow * load(norm->scale + i) + load(norm->shift + i));
}

/* e to the power of each of a row's scores, the greatest of which becomes 1; what all come to. `padded` is a multiple of
 * eight; what no token has is LOWEST and comes to nothing.
 */
static float exponentials(float *scores, int padded) {
    f8 highest = each(LOWEST), total = each(0.0f);
    for (int t = 0; t < padded; t += LANES) highest = most(highest, load(scores + t));
    float top = highest[0];
    for (int i = 1; i < LANES; i++) top = highest[i] > top ? highest[i] : top;
    for (int t = 0; t < padded; t += LANES) {
        f8 share = exponential(load(scores + t) - each(top));
        store(scores + t, share);
        total += share;
    }
    return sum(total);
}

/* One head: softmax(QK^T / sqrt(32)) V of every token. `keys` holds K, eight tokens side by side, `scores` those of one
 * token; both have room for whole vectors.
 */
static void attend(const float *queries, int tokens, float *keys, float *scores, float *context) {
    const float *values = queries + 2 * WIDTH;
    int padded = (tokens + LANES - 1) / LANES * LANES;
    for (int t = 0; t < tokens; t++)
        for (int i = 0; i < HEAD; i++)
            keys[(t / LANES * HEAD + i) * LANES + t % LANES] = queries[(long)t * QKV + WIDTH + i];
    for (int token = 0; token < tokens; token++, queries += QKV, context += WIDTH) {
        for (int t = 0; t < padded; t += LANES) {
            f8 even = each(0.0f), odd = each(0.0f); /* in two sums, neither of which waits for the other */
            for (int i = 0; i < HEAD; i += 2) {
                even += each(queries[i]) * load(keys + t * HEAD + i * LANES);
                odd += each(queries[i + 1]) * load(keys + t * HEAD + (i + 1) * LANES);
            }
            store(scores + t, (even + odd) * each(0.17677670f)); /* 1 / sqrt(32) */
        }
        for (int t = tokens; t < padded; t++) scores[t] = LOWEST;
        f8 whole = each(exponentials(scores, padded)), mixed[HEAD / LANES];
        for (int i = 0; i < HEAD / LANES; i++) mixed[i] = each(0.0f);
        for (int t = 0; t < tokens; t++)
            for (int i = 0; i < HEAD / LANES; i++) mixed[i] += each(scores[t]) * load(values + (long)t * QKV + i * LANES);
        for (int i = 0; i < HEAD / LANES; i++) store(context + i * LANES, mixed[i] / whole);
    }
}

/* The file is read from its beginning to its end, each part where the one before ended; its size is queries.py's to
 * check.
 */
static const void *part(const char **at, long bytes) {
    const char *found = *at;
    *at += (bytes + 63) / 64 * 64;
    return found;
}

static Norm read_norm(const char **at) {
    Norm norm = {part(at, WIDTH * sizeof(float)), part(at, WIDTH * sizeof(float))};
    return norm;
}

static Dense read_dense(const char **at, int inputs, int outputs) {
    Dense dense = {.inputs = inputs, .outputs = outputs};
    dense.zero = *(const float *)part(at, sizeof(float));
    dense.evening = part(at, inputs * sizeof(float));
    dense.scale = part(at, outputs * sizeof(float));
    dense.bias = part(at, outputs * sizeof(float));
    dense.weights = part(at, packed((long)inputs * outputs));
    return dense;
}

/* Floats that `embed` works in for a text of so many tokens. */
long work_floats(int tokens) {
    return (long)tokens * (WIDTH + QKV + WIDTH + WIDTH / sizeof(float)) + (HEAD + 1) * (tokens + LANES);
}

/* `out` becomes the unit vector (384) of the text with these token ids: `tokens` of them, 1 to 512, each below 30,522. */
void embed(const char *model, const int32_t *ids, int tokens, float *work, float *out) {
    float *hidden = work, *qkv = hidden + (long)tokens * WIDTH, *context = qkv + (long)tokens * QKV;
    float *keys = context + (long)tokens * WIDTH, *scores = keys + HEAD * (tokens + LANES);
    uint8_t *bytes = (uint8_t *)(scores + tokens + LANES), *wide = (uint8_t *)qkv;
    const float *words = part(&model, (long)WORDS * WIDTH * sizeof(float));
    const float *positions = part(&model, (long)POSITIONS * WIDTH * sizeof(float));
    Norm norm = read_norm(&model);
    for (int t = 0; t < tokens; t++) {
        float *row = hidden + (long)t * WIDTH;
        for (int i = 0; i < WIDTH; i++) row[i] = words[(long)ids[t] * WIDTH + i] + positions[(long)t * WIDTH + i];
        normalise(row, &norm);
    }
    for (int layer = 0; layer < LAYERS; layer++) {
        Dense to_qkv = read_dense(&model, WIDTH, QKV), attended = read_dense(&model, WIDTH, WIDTH);
        Norm after_attention = read_norm(&model);
        Dense widened = read_dense(&model, WIDTH, WIDE), narrowed = read_dense(&model, WIDE, WIDTH);
        Norm after_all = read_norm(&model);
        for (int t = 0; t < tokens; t++) quantise(bytes + t * WIDTH, hidden + t * WIDTH, &to_qkv);
        apply(&to_qkv, bytes, tokens, &(Sink){.kept = qkv});
        for (int at = 0; at < WIDTH; at += HEAD) attend(qkv + at, tokens, keys, scores, context + at);
        for (int t = 0; t < tokens; t++) quantise(bytes + t * WIDTH, context + t * WIDTH, &attended);
        apply(&attended, bytes, tokens, &(Sink){.kept = hidden, .is_added = 1});
        for (int t = 0; t < tokens; t++) {
            normalise(hidden + t * WIDTH, &after_attention);
            quantise(bytes + t * WIDTH, hidden + t * WIDTH, &widened);
        }
        apply(&widened, bytes, tokens, &(Sink){.bytes = wide, .next = &narrowed});
        apply(&narrowed, wide, tokens, &(Sink){.kept = hidden, .is_added = 1});
        for (int t = 0; t < tokens; t++) normalise(hidden + t * WIDTH, &after_all);
    }
    f8 squares = each(0.0f);
    for (int i = 0; i < WIDTH; i += LANES) {
        f8 total = each(0.0f);
        for (int t = 0; t < tokens; t++) total += load(hidden + t * WIDTH + i);
        store(out + i, total);
        squares += total * total;
    }
    f8 length = each(sqrtf(sum(squares)));
    for (int i = 0; i < WIDTH; i += LANES) store(out + i, load(out + i) / length);
}
