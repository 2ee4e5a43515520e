// SPDX-License-Identifier: Apache-2.0
// What the verbs that write images share.
#pragma once

#include "bpfman/base/environment.h"
#include "bpfman/base/result.h"
#include "bpfman/image/image_writer.h"
#include "bpfman/model/image.h"
#include "bpfman/model/image_reference.h"
#include "bpfman/store/store.h"

namespace bpfman {

// SOURCE_DATE_EPOCH, or 0: the time that images say they were made at. Source:
// https://reproducible-builds.org/specs/source-date-epoch/
Result<std::int64_t> source_date(const Environment& environment);

// The name that an image of the database has outside; "" for one that is known by its id only.
std::string name_outside(const ImageRecord& record);

// An image of the database as one that is to be written: one layer, for this host's platform.
Result<image::NewImage> stored_image(const ImageRecord& record,
                                     store::Store& store,
                                     std::int64_t created);

// "quay.io/me/prog:v1", with or without "docker://" in front. InvalidArgument: no name under which
// something can be pushed.
Result<ImageReference> push_destination(const std::string& text);

}  // namespace bpfman
