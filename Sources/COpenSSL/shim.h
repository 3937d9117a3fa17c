#ifndef TAILRACE_COPENSSL_SHIM_H
#define TAILRACE_COPENSSL_SHIM_H

#if !__has_include(<openssl/ssl.h>)
#error "<openssl/ssl.h> is missing: run scripts/install-deps, or: apt-get install libssl-dev"
#endif
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

// What is a macro there, so that Swift does not see it.

static inline void copenssl_set_versions(SSL_CTX *context, int lowest, int highest) {
    SSL_CTX_set_min_proto_version(context, lowest);
    SSL_CTX_set_max_proto_version(context, highest);
}
/// No renegotiation, no compression, no tickets, no sessions; records in part, from any address, and buffers only while they
/// are used.
static inline void copenssl_set_defaults(SSL_CTX *context) {
    SSL_CTX_set_options(
        context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(
        context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(context, 1);
}
static inline int copenssl_set_chain(SSL_CTX *context, STACK_OF(X509) *chain) {
    return SSL_CTX_set1_chain(context, chain) == 1;
}
static inline void copenssl_set_server_name(SSL *ssl, const char *name) { SSL_set_tlsext_host_name(ssl, name); }
static inline int copenssl_alert_of(unsigned long error) {
    int reason = ERR_GET_REASON(error);
    return ERR_GET_LIB(error) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET ? reason - SSL_AD_REASON_OFFSET : -1;
}
static inline int copenssl_reason_of(unsigned long error) {
    return ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : -1;
}
/// RFC 2253, with letters of all languages as they are.
static inline int copenssl_print_name(BIO *out, const X509_NAME *name) {
    return X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
}
/// Whether reading PEM stopped because nothing more is there, rather than for a mistake.
static inline int copenssl_is_pem_end(unsigned long error) {
    return error == 0 || (ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE);
}
static inline int copenssl_certificate_count(STACK_OF(X509) *list) { return list ? sk_X509_num(list) : 0; }
static inline X509 *copenssl_certificate_at(STACK_OF(X509) *list, int index) { return sk_X509_value(list, index); }
static inline void copenssl_free_certificates(STACK_OF(X509) *list) { sk_X509_pop_free(list, X509_free); }
static inline STACK_OF(X509) *copenssl_new_certificates(void) { return sk_X509_new_null(); }
static inline int copenssl_append_certificate(STACK_OF(X509) *list, X509 *certificate) {
    return sk_X509_push(list, certificate) > 0;
}
static inline int copenssl_cipher_count(STACK_OF(SSL_CIPHER) *list) { return list ? sk_SSL_CIPHER_num(list) : 0; }
static inline const SSL_CIPHER *copenssl_cipher_at(STACK_OF(SSL_CIPHER) *list, int index) {
    return sk_SSL_CIPHER_value(list, index);
}
static inline int copenssl_name_count(GENERAL_NAMES *list) { return list ? sk_GENERAL_NAME_num(list) : 0; }
static inline GENERAL_NAME *copenssl_name_at(GENERAL_NAMES *list, int index) { return sk_GENERAL_NAME_value(list, index); }
static inline const ASN1_STRING *copenssl_name_text(GENERAL_NAME *name) { return name->d.ia5; }
static inline long copenssl_memory_bytes(BIO *memory, char **start) { return BIO_get_mem_data(memory, start); }

#endif
