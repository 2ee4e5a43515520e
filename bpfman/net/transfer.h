// SPDX-License-Identifier: Apache-2.0
// Transfer: one HTTP exchange under way, driven step by step on the caller's thread. Not for other
// rooms.
#pragma once

#include <array>
#include <chrono>
#include <optional>

#include "bpfman/net/curl_library.h"
#include "bpfman/net/http.h"

namespace bpfman::net {

// Handles that outlive single transfers: the multi handle keeps connections open between requests.
class Connections {
 public:
  static Result<std::shared_ptr<Connections>> open();

  Connections(const CurlLibrary& library, CURLM* multi) : library_(library), multi_(multi) {}

  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;
  ~Connections();

  const CurlLibrary& library() const { return library_; }

  CURLM* multi() const { return multi_; }

 private:
  const CurlLibrary& library_;
  CURLM* multi_;
};

class Transfer {
 public:
  static Result<std::unique_ptr<Transfer>> start(std::shared_ptr<Connections> connections,
                                                 const HttpRequest& request);
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer();

  // Drives the exchange until the header of the final response is complete. Fills status and
  // headers.
  Result<void> wait_for_header();
  // Body bytes as they arrive; 0 at the end. An error comes after the bytes that arrived before it,
  // and again at every later call.
  Result<std::size_t> read(std::span<std::byte> buffer);

  const HttpResponse& response() const { return response_; }

 private:
  using Clock = std::chrono::steady_clock;

  Transfer(std::shared_ptr<Connections> connections, CURL* easy, HttpRequest request);
  Result<void> configure();
  bool configure_tls();
  // Lets curl do what can be done without waiting; an error when a deadline has passed.
  Result<void> drive();
  // Until some peer of these connections has spoken, or a deadline may be near.
  void wait_for_peer();
  // How it ended, once finished_.
  Result<void> outcome() const;
  Result<void> check_deadlines();
  // Notices what the peer took of the request's body.
  void look_at_upload();
  Error failure(CURLcode code) const;
  std::string peer() const;
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);

  std::shared_ptr<Connections> connections_;
  const CurlLibrary& curl_;
  CURL* easy_;
  curl_slist* headers_ = nullptr;
  HttpRequest request_;
  HttpResponse response_;
  std::shared_ptr<std::multimap<std::string, std::string>> trailers_ =
      std::make_shared<std::multimap<std::string, std::string>>();
  std::string buffer_;            // arrived, not yet read
  std::size_t consumed_ = 0;      // of buffer_
  std::size_t header_bytes_ = 0;  // of all header blocks and trailers
  bool paused_ = false;
  bool header_done_ = false;
  bool finished_ = false;
  CURLcode result_ = CURLE_OK;
  std::optional<Error> late_;                    // a deadline has passed
  std::array<char, CURL_ERROR_SIZE> details_{};  // libcurl's words, "" for none
  Clock::time_point started_ = Clock::now();
  // When the peer was last heard of, or when the reader began to wait for it.
  Clock::time_point last_byte_ = started_;
  // When the peer last took something of the request's body.
  Clock::time_point last_sent_ = started_;
  curl_off_t sent_ = 0;
};

}  // namespace bpfman::net
