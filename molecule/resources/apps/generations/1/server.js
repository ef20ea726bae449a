'use strict';
require('../application').application(3001, require('socket.io'));
