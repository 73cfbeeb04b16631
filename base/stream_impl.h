#pragma once
// What is below a stream, for the files that make it:
//
//     stream_write --> codec: one frame --> TLS: records --> socket
//     stream_read  <-- codec            <-- TLS          <-- socket
//
// Each layer may be missing. A frame that did not go as a whole is kept, and its plain bytes count
// as not written until it is gone; so a user who has nothing left to write has nothing here either.

#include "base/stream.h"

struct stream_layers {
    struct stream *stream;            // back-pointer
    struct tls *tls;                  // owned; NULL: none
    const struct stream_codec *codec; // borrowed; NULL: none
    void *codec_state;                // the codec's
    struct text wire;                 // read, not yet decoded, from `wire_at` on
    size_t wire_at;
    struct text frame; // encoded, not yet written, from `frame_at` on
    size_t frame_at;
    size_t frame_plain;  // how many bytes of the user's are in it
    const char *problem; // the codec's; literal
    bool has_more;       // a read may give something without the socket
    bool is_broken;      // ... or tell that it ended
    struct later more;   // tells so
};

enum io socket_read(struct stream *stream, void *bytes, size_t max, size_t *got) MUST_CHECK;
enum io socket_write(struct stream *stream, const struct iovec *parts, int part_count,
                     size_t *put) MUST_CHECK;

enum io layers_read(struct stream_layers *layers, void *bytes, size_t max, size_t *got) MUST_CHECK;
enum io layers_write(struct stream_layers *layers, const struct iovec *parts, int part_count,
                     size_t *put) MUST_CHECK;
void layers_free(struct stream_layers *layers);
// What has to be watched on the socket for what the user wants, and back.
unsigned layers_to_watch(const struct stream_layers *layers, unsigned wanted);
unsigned layers_to_tell(const struct stream_layers *layers, unsigned wanted, unsigned events);
