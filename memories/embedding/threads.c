/* Threads that do the arithmetic of encoder.c and know nothing of Python: they never wait for its lock, and whoever holds
 * it never waits for them. What is done is told by an eventfd, which an event loop watches.
 *
 * Who asks gives each job a number, and leaves `ids` and `out` alone until `taken` names it or `dropped` takes it back.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef void (*Embed)(const char *model, const int32_t *ids, int tokens, float *work, float *out);

typedef struct Job {
    struct Job *next;
    int64_t number;
    const int32_t *ids;
    int tokens;
    float *out;
} Job;

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    Job *waiting, **last, *done;
    Embed embed;
    const char *model;
    long work_bytes;
    int event, is_over, count;
    pthread_t threads[];
} Threads;

static Job *next_job(Threads *threads) {
    pthread_mutex_lock(&threads->lock);
    while (!threads->waiting && !threads->is_over) pthread_cond_wait(&threads->changed, &threads->lock);
    Job *job = threads->is_over ? NULL : threads->waiting;
    if (job && !(threads->waiting = job->next)) threads->last = &threads->waiting;
    pthread_mutex_unlock(&threads->lock);
    return job;
}

static void *run(void *given) {
    Threads *threads = given;
    float *work = malloc(threads->work_bytes);
    for (Job *job; work && (job = next_job(threads));) {
        threads->embed(threads->model, job->ids, job->tokens, work, job->out);
        pthread_mutex_lock(&threads->lock);
        job->next = threads->done;
        threads->done = job;
        pthread_mutex_unlock(&threads->lock);
        eventfd_write(threads->event, 1);
    }
    free(work);
    return NULL;
}

static void forget(Job *job) {
    for (Job *next; job; job = next) next = job->next, free(job);
}

/* End the threads, each after the job that it is at, and forget what waits. */
void stop(Threads *threads) {
    pthread_mutex_lock(&threads->lock);
    threads->is_over = 1;
    pthread_cond_broadcast(&threads->changed);
    pthread_mutex_unlock(&threads->lock);
    for (int i = 0; i < threads->count; i++) pthread_join(threads->threads[i], NULL);
    forget(threads->waiting);
    forget(threads->done);
    close(threads->event);
    free(threads);
}

/* `wanted` threads that call `embed` with `model` and `work_bytes` to work in; NULL where the system has none to give. */
Threads *start(Embed embed, const char *model, long work_bytes, int wanted) {
    Threads *threads = calloc(1, sizeof(Threads) + wanted * sizeof(pthread_t));
    if (!threads) return NULL;
    threads->embed = embed, threads->model = model, threads->work_bytes = work_bytes;
    threads->last = &threads->waiting;
    pthread_mutex_init(&threads->lock, NULL);
    pthread_cond_init(&threads->changed, NULL);
    threads->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    sigset_t all, before; /* signals are the main thread's */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (threads->event >= 0 && threads->count < wanted &&
           !pthread_create(&threads->threads[threads->count], NULL, run, threads))
        threads->count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (threads->count == wanted) return threads;
    stop(threads);
    return NULL;
}

/* What becomes readable when a job is done; reading it is the watcher's. */
int event_of(const Threads *threads) { return threads->event; }

/* Whether the job could be put behind those that wait. */
int submitted(Threads *threads, int64_t number, const int32_t *ids, int tokens, float *out) {
    Job *job = malloc(sizeof(Job));
    if (!job) return 0;
    *job = (Job){NULL, number, ids, tokens, out};
    pthread_mutex_lock(&threads->lock);
    *threads->last = job;
    threads->last = &job->next;
    pthread_cond_signal(&threads->changed);
    pthread_mutex_unlock(&threads->lock);
    return 1;
}

/* The number of a job that is done, once; -1 when there is none. */
int64_t taken(Threads *threads) {
    pthread_mutex_lock(&threads->lock);
    Job *job = threads->done;
    if (job) threads->done = job->next;
    pthread_mutex_unlock(&threads->lock);
    int64_t number = job ? job->number : -1;
    free(job);
    return number;
}

/* Whether the job still waited, and is taken back. */
int dropped(Threads *threads, int64_t number) {
    pthread_mutex_lock(&threads->lock);
    Job **at = &threads->waiting;
    while (*at && (*at)->number != number) at = &(*at)->next;
    Job *job = *at;
    if (job && !(*at = job->next)) threads->last = at;
    pthread_mutex_unlock(&threads->lock);
    free(job);
    return job != NULL;
}
