// SPDX-License-Identifier: Apache-2.0
// Owners of OpenSSL's objects. Not for other rooms.
#pragma once

#include <memory>

#include <openssl/bio.h>
#include <openssl/ct.h>
#include <openssl/evp.h>
#include <openssl/ts.h>
#include <openssl/x509.h>

namespace bpfman::trust {

template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

struct FreeScts {
  void operator()(STACK_OF(SCT) * list) const { SCT_LIST_free(list); }
};

struct FreeCertificates {
  void operator()(STACK_OF(X509) * list) const { sk_X509_pop_free(list, X509_free); }
};

using BioPtr = std::unique_ptr<BIO, FreeWith<&BIO_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<&EVP_PKEY_free>>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, FreeWith<&EVP_MD_CTX_free>>;
using X509Ptr = std::unique_ptr<X509, FreeWith<&X509_free>>;
using StorePtr = std::unique_ptr<X509_STORE, FreeWith<&X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, FreeWith<&X509_STORE_CTX_free>>;
using CertificateListPtr = std::unique_ptr<STACK_OF(X509), FreeCertificates>;
using SctListPtr = std::unique_ptr<STACK_OF(SCT), FreeScts>;
using TimestampResponsePtr = std::unique_ptr<TS_RESP, FreeWith<&TS_RESP_free>>;
using TimestampContextPtr = std::unique_ptr<TS_VERIFY_CTX, FreeWith<&TS_VERIFY_CTX_free>>;

}  // namespace bpfman::trust
