#include "digits.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static void usage(void) {
    printf("usage: digits [option...]\n"
           "\n"
           "Normalizes 1,797 handwritten digits on a Vulkan device, checks the result and draws it.\n"
           "\n"
           "  --device NAME|INDEX  part of a device or driver name, or a number of --list\n"
           "                       (default: the first GPU, else a software renderer)\n"
           "  --list               list the devices and stop\n"
           "  --activation NAME    applied after the normalization (default: relu), one of\n"
           "                       ");
    for (const Activation *activation = activations; activation->name != NULL; activation++)
        printf("%s%s", activation == activations ? "" : ", ", activation->name);
    printf("\n"
           "  --epochs N           passes over the mini-batches, 1 to 1000 (default: 50)\n"
           "  --data FILE          images (default: %s)\n"
           "  --out FILE           picture to write (default: %s)\n"
           "  --help               print this and stop\n",
           DIGITS_DATA, DIGITS_PICTURE);
}

static int parse_epochs(const char *text) {
    char *end;
    errno = 0;
    const long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < 1 || value > 1000) {
        fprintf(stderr, "digits: --epochs \"%s\": expected a number from 1 to 1000\n", text);
        exit(EXIT_FAILURE);
    }
    return (int)value;
}

Options options_parse(int argc, char **argv) {
    enum { DEVICE = 1, LIST, ACTIVATION, EPOCHS, DATA, OUT, HELP };
    static const struct option LONG_OPTIONS[] = {
        {"device", required_argument, NULL, DEVICE},
        {"list", no_argument, NULL, LIST},
        {"activation", required_argument, NULL, ACTIVATION},
        {"epochs", required_argument, NULL, EPOCHS},
        {"data", required_argument, NULL, DATA},
        {"out", required_argument, NULL, OUT},
        {"help", no_argument, NULL, HELP},
        {0},
    };
    Options options = {
        .data = DIGITS_DATA,
        .picture = DIGITS_PICTURE,
        .activation = activation_find("relu"),
        .epochs = 50,
    };
    for (int option; (option = getopt_long(argc, argv, "", LONG_OPTIONS, NULL)) != -1;) {
        switch (option) {
        case DEVICE:
            options.device = optarg;
            break;
        case LIST:
            options.list = true;
            break;
        case ACTIVATION:
            options.activation = activation_find(optarg);
            if (options.activation == NULL) {
                fprintf(stderr, "digits: --activation \"%s\": no such activation, see --help\n", optarg);
                exit(EXIT_FAILURE);
            }
            break;
        case EPOCHS:
            options.epochs = parse_epochs(optarg);
            break;
        case DATA:
            options.data = optarg;
            break;
        case OUT:
            options.picture = optarg;
            break;
        case HELP:
            usage();
            exit(EXIT_SUCCESS);
        default: /* getopt_long() has named the option. */
            fprintf(stderr, "digits: see --help\n");
            exit(EXIT_FAILURE);
        }
    }
    if (optind < argc) {
        fprintf(stderr, "digits: unexpected argument \"%s\", see --help\n", argv[optind]);
        exit(EXIT_FAILURE);
    }
    return options;
}
